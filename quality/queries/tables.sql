-- Each table of the layers with the column that tells how new its data is, the first that it has of those listed.
select
    tables.table_schema,
    tables.table_name,
    min_by(columns.column_name, preferred.rank) as time_column
from information_schema.tables as tables
left join (
    information_schema.columns as columns
    inner join (
        values
        (1, 'ingest_ts'),
        (2, 'last_event_ingest_ts'),
        (3, 'last_quote_ingest_ts'),
        (4, 'last_trade_at'),
        (5, 'last_ingest_ts'),
        (6, 'last_seen_at')
    ) as preferred (rank, column_name) on columns.column_name = preferred.column_name
)
    on tables.table_schema = columns.table_schema and tables.table_name = columns.table_name
where tables.table_schema in ('raw', 'core', 'marts')
group by tables.table_schema, tables.table_name
