"""AWS on loopback: moto behind a front that adds what moto lacks.

Every request passes the front (`front.py`), which finds out whose call it is (`calls.py`), records it, applies faults
(`faults.py`), answers operations that moto lacks (`service_quotas.py`, `cloudwatch.py`, `account_limits.py`, ...), hands the rest
to moto and cuts the answers into pages (`paging.py`). What is asked and answered is the real wire of each service, over real HTTP
(`wire.py`, `cbor.py`). Nothing in moto is patched. `server.py` has the way in, `Aws`.
"""
