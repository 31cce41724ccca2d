"""The dbt project, and what plugs it into the lake."""
