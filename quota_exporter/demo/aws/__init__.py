"""AWS on loopback: moto behind a front that adds what moto lacks.

Every request passes the front (`front.py`), which finds out whose call it is (`calls.py`), records it, applies faults
(`faults.py`), checks its signature (`signatures.py`), answers operations that moto lacks (`service_quotas.py`, `utilization.py`,
`cloudwatch.py`, `account_limits.py`, `eks.py`) or answers wrongly (`corrections.py`, `organization.py`), hands the rest to moto
and cuts the answers into pages (`paging.py`). What is asked and answered is the real wire of each service, over real HTTP
(`listening.py`, `wire.py`, `cbor.py`). Nothing in moto is patched. `server.py` has the way in, `Aws`.
"""
