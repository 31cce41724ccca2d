"""House rules of the dbt project, read from its manifest; needs no server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from transform_dbt.profile import PROJECT

Node = dict[str, Any]
NAMES = {
    "staging": r"stg_[a-z_]+",
    "core": r"(dim|fct)_[a-z_]+",
    "marts": r"mart_[a-z0-9_]+",
}
READS = {"staging": {"source"}, "core": {"staging", "core", "seed"}, "marts": {"staging", "core", "marts"}}
PERSONAL = re.compile(r"^(account|trader|person|holder)_name$")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Node:
    target = tmp_path_factory.mktemp("target")
    place = {
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT / "lint"),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
    }
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [dbt, "parse", "--no-partial-parse"], env=os.environ | place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parsed: Node = json.loads((target / "manifest.json").read_text("utf-8"))
    return parsed


@pytest.fixture(scope="module")
def models(manifest: Node) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def described(manifest: Node, models: list[Node]) -> list[Node]:
    seeds = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
    return [*models, *seeds, *manifest["sources"].values()]


def _layer(node: Node) -> str:
    return node["fqn"][1] if node["resource_type"] == "model" else str(node["resource_type"])


def test_each_model_lies_in_the_schema_of_its_layer_and_is_named_for_it(models: list[Node]) -> None:
    wrong = [
        node["name"]
        for node in models
        if node["schema"] != _layer(node) or not re.fullmatch(NAMES[_layer(node)], node["name"])
    ]
    assert not wrong


def test_layers_read_downwards_only(manifest: Node, models: list[Node]) -> None:
    nodes = manifest["nodes"] | manifest["sources"]
    wrong = [
        (node["name"], parent)
        for node in models
        for parent in node["depends_on"]["nodes"]
        if _layer(nodes[parent]) not in READS[_layer(node)]
    ]
    assert not wrong


def test_everything_is_described_and_owned(described: list[Node]) -> None:
    wrong = [
        node["name"] for node in described if not node["description"].strip() or not node["config"]["meta"]["owner"]
    ]
    wrong += [
        f"{node['name']}.{column['name']}"
        for node in described
        for column in node["columns"].values()
        if not column["description"].strip()
    ]
    assert not wrong


def test_each_seed_column_is_described(manifest: Node) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            path = Path(node["root_path"] or PROJECT, node["original_file_path"])
            header = path.read_text("utf-8").splitlines()[0].split(",")
            assert header == list(node["columns"]) == list(node["config"]["column_types"]), node["name"]


def test_each_model_keeps_a_contract_with_typed_columns(models: list[Node]) -> None:
    wrong = [
        node["name"]
        for node in models
        if not node["config"]["contract"]["enforced"] or not all(c["data_type"] for c in node["columns"].values())
    ]
    assert not wrong


def test_names_of_people_are_marked_as_personal(described: list[Node]) -> None:
    wrong = [
        f"{node['name']}.{name}"
        for node in described
        for name, column in node["columns"].items()
        if PERSONAL.match(name) and not column["config"]["meta"].get("pii")
    ]
    assert not wrong


def test_views_are_evaluated_as_their_reader(models: list[Node]) -> None:
    views = [node for node in models if node["config"]["materialized"] == "view"]
    assert views
    assert all(node["config"]["view_security"] == "invoker" for node in views)


def test_each_table_has_a_tested_key(manifest: Node, models: list[Node]) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    keyed = {
        test["depends_on"]["nodes"][0]
        for test in tests
        if (test.get("test_metadata") or {}).get("name") == "primary_key"
    }
    tables = {node["unique_id"] for node in models if node["config"]["materialized"] != "view"}
    assert tables | set(manifest["sources"]) == keyed


def test_logic_that_groups_or_merges_has_unit_tests(manifest: Node, models: list[Node]) -> None:
    tested = {test["depends_on"]["nodes"][0] for test in manifest["unit_tests"].values()}
    incremental = {node["unique_id"] for node in models if node["config"]["materialized"] == "incremental"}
    assert incremental == tested
