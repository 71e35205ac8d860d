"""Gateways side by side under one load, as issue 4 asks: ``make bench-gateway``, about 75 minutes.

    make bench-gateway ARGS="--quick"                                # a look, about 25 minutes
    python -m bench.gateway --only chunks --targets native,nginx --rounds 3
    python -m bench.gateway --render bench/results/gateway-….json    # the report of a past run again
    python -m bench.gateway.profile native chunks --tool perf        # why it is as it is

A whole run writes ``bench/RESULTS.md``, any other ``bench/results/gateway.md``; raw figures are beside it in
``bench/results``. ``notes.md`` here, if there is one, is copied into the report: what falls short, and why.
"""
