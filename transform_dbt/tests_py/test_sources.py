import yaml

from governance.contracts import contracts
from transform_dbt.sources import derived, sources_yaml


def test_derived_files_are_not_stale() -> None:
    stale = [path.name for path, text in derived().items() if path.read_text("utf-8") != text]
    assert not stale, "run `python -m transform_dbt.sources`"


def test_each_contract_is_a_source_with_its_columns_owner_and_freshness() -> None:
    (source,) = yaml.safe_load(sources_yaml())["sources"]
    tables = {f"raw.{table['name']}": table for table in source["tables"]}
    assert tables.keys() == {contract.table for contract in contracts()}
    for contract in contracts():
        table = tables[contract.table]
        columns = {column["name"]: column["data_type"] for column in table["columns"]}
        assert columns == {field.name: field.physical_type for field in contract.fields}
        assert table["config"]["meta"]["owner"] == contract.owner
        minutes = table["config"]["freshness"]["warn_after"]["count"]
        assert minutes * 60 == contract.freshness.total_seconds()
