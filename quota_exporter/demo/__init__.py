"""Embedded clouds: servers on loopback that speak the real wire protocols, for the demo and for the tests."""
