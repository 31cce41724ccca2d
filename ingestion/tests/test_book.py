"""The order book against a slow one that is obviously right."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.exchange.book import BUY, MARKET, SELL, Order, OrderBook


@dataclass
class Slow:
    order_id: str
    side: int
    price: int
    leaves: int


class SlowBook:
    """A list in the order of arrival, searched from end to end."""

    def __init__(self):
        self.orders: list[Slow] = []

    def candidates(self, side, price):
        others = [order for order in self.orders if order.side != side]
        if price != MARKET:
            others = [order for order in others if (order.price <= price if side == BUY else order.price >= price)]
        return sorted(others, key=lambda order: order.price if side == BUY else -order.price)  # stable: time priority

    def match(self, side, price, quantity):
        fills = []
        for order in self.candidates(side, price):
            if not quantity:
                break
            filled = min(quantity, order.leaves)
            order.leaves -= filled
            quantity -= filled
            fills.append((order.order_id, order.price, filled))
        self.orders = [order for order in self.orders if order.leaves]
        return fills, quantity


actions = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), st.sampled_from([BUY, SELL]), st.integers(95, 105), st.integers(1, 50)),
        st.tuples(st.just("market"), st.sampled_from([BUY, SELL]), st.just(MARKET), st.integers(1, 50)),
        st.tuples(st.just("cancel"), st.integers(0, 1000), st.just(0), st.just(0)),
        st.tuples(st.just("reduce"), st.integers(0, 1000), st.just(0), st.integers(1, 50)),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(actions)
def test_it_trades_as_a_slow_book_does(steps):
    book, slow = OrderBook(), SlowBook()
    for number, (what, a, price, quantity) in enumerate(steps):
        if what in ("limit", "market"):
            order = Order(f"o{number}", a, price, quantity)
            fills = [(fill.resting.order_id, fill.price, fill.quantity) for fill in book.match(order)]
            wanted, left = slow.match(a, price, quantity)
            assert fills == wanted
            assert order.leaves == left
            if left and what == "limit":
                book.rest(order)
                slow.orders.append(Slow(order.order_id, a, price, left))
        elif slow.orders:
            victim = slow.orders[a % len(slow.orders)]
            order = next(one for one in book.resting if one.order_id == victim.order_id)
            if what == "cancel":
                book.cancel(order)
                slow.orders.remove(victim)
            elif quantity < victim.leaves:
                book.reduce(order, order.filled + quantity)
                victim.leaves = quantity
        check_same(book, slow)


def check_same(book, slow):
    assert {order.order_id: order.leaves for order in book.resting} == {one.order_id: one.leaves for one in slow.orders}
    bids = [order.price for order in slow.orders if order.side == BUY]
    asks = [order.price for order in slow.orders if order.side == SELL]
    quote = book.quote()
    assert quote.bid == (max(bids) if bids else None)
    assert quote.ask == (min(asks) if asks else None)
    assert not (bids and asks) or quote.bid < quote.ask, "the book is crossed"
    assert quote.bid_quantity == sum(one.leaves for one in slow.orders if one.side == BUY and one.price == quote.bid)
    assert sum(shares for _, shares in book.depth(SELL, 100)) == sum(o.leaves for o in slow.orders if o.side == SELL)


def test_cancelled_orders_do_not_pile_up_in_a_level():
    book = OrderBook()
    keeper = Order("keeper", BUY, 100, 1)
    book.rest(keeper)
    for number in range(10_000):
        order = Order(f"o{number}", BUY, 100, 1)
        book.rest(order)
        book.cancel(order)
    assert len(book._levels[BUY][-100].queue) < 20


def test_a_replaced_order_goes_to_the_end_of_its_queue():
    book = OrderBook()
    first, second = Order("first", SELL, 100, 10), Order("second", SELL, 100, 10)
    book.rest(first)
    book.rest(second)
    book.cancel(first)
    book.rest(first)
    fills = book.match(Order("taker", BUY, 100, 15))
    assert [(fill.resting.order_id, fill.quantity) for fill in fills] == [("second", 10), ("first", 5)]
