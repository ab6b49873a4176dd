"""To which addresses an adapter may connect: public ones, and those of networks that the operator names.

An address in a setting, or a name that somebody else's DNS answers, could otherwise lead to what only this machine can
reach: a broker's own interface, or the service that hands out a cloud machine's credentials.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Addresses that look public and belong to the machine's own cloud: Azure's 168.63.129.16 answers requests for credentials
# and configuration on every virtual machine. The others (169.254.169.254, fd00:ec2::254, 100.100.100.200) are not global.
_CLOUD = (ip_network("168.63.129.16/32"),)

# Carries an IPv4 address in its last 32 bits (RFC 6052), so a gateway would lead to a private one.
_NAT64 = ip_network("64:ff9b::/96")

# All public unicast addresses of IPv6 are in it (RFC 4291), and also 6to4 and Teredo, which carry IPv4 addresses.
_PUBLIC_IPV6 = ip_network("2000::/3")


class AddressNotAllowed(OSError):
    """The name of the receiver leads to an address to which the adapter may not connect."""


def may_connect(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether an address is public or in one of the `allowed` networks."""
    inner = _carried(address)
    if any(inner in network for network in allowed):
        return True
    if inner.is_multicast or not inner.is_global or any(inner in network for network in _CLOUD):
        return False
    return isinstance(inner, IPv4Address) or inner in _PUBLIC_IPV6


def guarded_sockets(allowed: Sequence[Network]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A function that opens the socket of a connection.

    It sees the very address that is connected to, so a name cannot lead elsewhere between a check and its use. Raises
    AddressNotAllowed.
    """

    def open_socket(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = found
        # An IPv6 address may end with the zone of a link.
        if not may_connect(ip_address(place[0].partition("%")[0]), allowed):
            raise AddressNotAllowed(
                "the receiver's name leads to an address that is not public and in no allowed network"
            )
        return socket.socket(family=family, type=kind, proto=protocol)

    return open_socket


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address
