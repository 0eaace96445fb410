"""Through which proxy a server is reached."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from quota_exporter.errors import ConfigError


def proxy_url(text: str, where: str) -> str:
    """URL of a proxy; a bare `host:port` is taken as http, as everywhere.

    Raises:
        ConfigError: It cannot be used. It is not shown, because there may be a password in it.
    """
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{where}: no URL of an HTTP proxy; write it like http://proxy.example.com:3128")
    return url


def environment_proxy(url: str) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY, or HTTP_PROXY for http, name for a URL; NO_PROXY may have networks in it.

    Raises:
        ConfigError: What is named cannot be used.
    """
    parts = urlsplit(url)
    proxies = getproxies_environment()
    proxy = proxies.get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc) or _within(parts.hostname or "", proxies.get("no", "")):
        return None
    return proxy_url(proxy, f"{parts.scheme.upper()}_PROXY")


def _within(host: str, networks: str) -> bool:
    """Whether an address is in one of the networks among some words."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for word in networks.split(",") for network in _network(word.strip()))


def _network(word: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word, strict=False)]
    except ValueError:
        return []
