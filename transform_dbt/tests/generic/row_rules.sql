{#
  What must hold for each row, in one scan: one result row per broken rule, with the number of rows that break it.

  `not_null` lists columns; `accepted` maps columns to their values; `rules` maps names to conditions. As with a CHECK
  constraint, a condition that is neither true nor false is not broken.
#}
{% test row_rules(model, not_null=[], accepted={}, rules={}) %}
    {% set breaches = {} %}
    {% for column in not_null %}
        {% do breaches.update({column ~ " is missing": column ~ " is null"}) %}
    {% endfor %}
    {% for column, values in accepted.items() %}
        {% do breaches.update({column ~ " is none of the accepted values": column ~ " not in ('" ~ values | join("', '") ~ "')"}) %}
    {% endfor %}
    {% for rule, condition in rules.items() %}
        {% do breaches.update({"broken: " ~ rule: "not (" ~ condition ~ ")"}) %}
    {% endfor %}
    select breach, broken_rows
    from (select {% for breach in breaches.values() %}count_if({{ breach }}) as n{{ loop.index }}{{ ", " if not loop.last }}{% endfor %} from {{ model }})
    cross join unnest(
        array['{{ breaches | join("', '") }}'],
        array[{% for breach in breaches %}n{{ loop.index }}{{ ", " if not loop.last }}{% endfor %}]
    ) as counted (breach, broken_rows)
    where broken_rows > 0
{% endtest %}
