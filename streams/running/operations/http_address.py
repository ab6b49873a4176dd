"""How an address on which something listens is written for those who ask there."""


def http_address(host: str, port: int) -> str:
    """The URL of a host, which may be an IPv6 address, and a port."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
