from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.exceptions import ServiceDefinitionError
from stack.services import Service, in_start_order, start_depths


def _service(name: str, *after: str) -> Service:
    return Service(name=name, command=("/bin/true",), ready=lambda: None, after=after)


@given(st.lists(st.sets(st.integers(0, 9), max_size=4), max_size=10), st.randoms())
def test_each_service_follows_those_it_needs(needs: list[set[int]], shuffler: random.Random) -> None:
    services = [_service(str(i), *(str(n) for n in sorted(needs[i]) if n < i)) for i in range(len(needs))]
    shuffler.shuffle(services)
    ordered = [service.name for service in in_start_order(services)]
    assert sorted(ordered) == sorted(service.name for service in services)
    for service in services:
        assert all(ordered.index(name) < ordered.index(service.name) for name in service.after)


def test_depth_counts_the_longest_chain() -> None:
    depths = start_depths([_service("c", "a", "b"), _service("b", "a"), _service("a")])
    assert depths == {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ([_service("a"), _service("a")], "two services are named 'a'"),
        ([_service("a", "z")], "'a' starts after unknown z"),
        ([_service("a", "b"), _service("b", "a")], "wait for each other"),
    ],
)
def test_says_what_does_not_fit(services: list[Service], said: str) -> None:
    with pytest.raises(ServiceDefinitionError, match=said):
        in_start_order(services)
