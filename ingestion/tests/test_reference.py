from ingestion.exchange.reference import reference


def test_the_market_is_as_large_as_promised():
    data = reference()
    assert len(data.securities) >= 25
    assert len(data.venues) == 3
    assert len(data.accounts) >= 40


def test_every_security_trades_somewhere_but_not_everywhere():
    data = reference()
    traded = {symbol for _, symbol in data.listings}
    assert traded == set(data.securities)
    assert len(data.listings) < len(data.securities) * len(data.venues)
    assert len(set(data.listings)) == len(data.listings)


def test_identities_are_unique():
    accounts = reference().accounts
    assert len({account.account_id for account in accounts}) == len(accounts)


def test_prices_lie_on_the_tick():
    for security in reference().securities.values():
        assert security.price % security.tick == 0
        assert security.lot > 0
