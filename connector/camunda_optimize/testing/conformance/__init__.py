"""What is known of Optimize's API, as tests: against the simulator in each version, or against a real Optimize.

.. code-block:: sh

    pytest --pyargs camunda_optimize.testing.conformance                                        # the simulator
    pytest --pyargs camunda_optimize.testing.conformance --optimize-url https://…               # a real Optimize
    pytest --pyargs camunda_optimize.testing.conformance --optimize-url https://… --optimize-write

Client id and secret, audience and scope (or the static token) come from Camunda's environment variables, the token
endpoint too unless ``--optimize-oauth-url`` names it.

With ``--optimize-url`` nothing is changed on the server unless ``--optimize-write`` is given. With it, reports and
dashboards are imported into the collection and deleted again; a label, an external variable and, where the server has
that endpoint, an empty collection stay behind (each named ``conformance``); **sharing is enabled at the end**, whatever
it was before. ``--optimize-collection ID`` says in which collection to look and work; otherwise it is the first one
that has dashboards and reports, where the server lists its collections.

``--optimize-version 8.9`` says what is expected; otherwise the server's generation is found out with one request.
Where an expectation was read from Optimize's source and never seen on a live server, an answer that differs is reported
as an expected failure.
"""
