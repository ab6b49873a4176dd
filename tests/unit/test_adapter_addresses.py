"""Adapters connect to public addresses only, and to networks that a setting names."""

import asyncio
import socket
from ipaddress import ip_address, ip_network

import pytest

from streams.running.clients.https.addresses import AddressNotAllowed, guarded_sockets, may_connect
from streams.running.clients.https.answer import Failed
from streams.running.clients.https.http_client import http_client
from streams.desk.adapters.webhook.settings import WebhookSettings

PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:813::200e", "64:ff9b::101:101"]
REFUSED = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.1.2.3", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "203.0.113.7", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1", "198.51.100.1", "::", "::1", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001:2::1", "3fff::1", "5f00::1",
    # IPv4 addresses in other clothes.
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "::127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert may_connect(ip_address(address), ())


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_refused(address):
    assert not may_connect(ip_address(address), ())
    # Another network that is allowed does not help.
    assert not may_connect(ip_address(address), (ip_network("10.99.0.0/16"),))


def test_a_network_in_the_settings_is_allowed_and_its_neighbours_are_not():
    allowed = WebhookSettings(allowed_networks="10.1.0.0/16, fd00:1::/32").networks()
    for inside in ("10.1.2.3", "fd00:1::5", "::ffff:10.1.2.3"):
        assert may_connect(ip_address(inside), allowed)
    for outside in ("10.2.0.1", "fd00:2::5", "127.0.0.1"):
        assert not may_connect(ip_address(outside), allowed)


def test_the_socket_of_a_refused_address_is_never_opened(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda **_: pytest.fail("opened a socket"))
    open_socket = guarded_sockets(())
    for family, place in (
        (socket.AF_INET, ("127.0.0.1", 443)),
        (socket.AF_INET6, ("fe80::1%eth0", 443, 0, 2)),
    ):
        with pytest.raises(AddressNotAllowed):
            open_socket((family, socket.SOCK_STREAM, 6, "", place))


def test_the_reason_why_there_is_no_connection_is_said(monkeypatch):
    async def ask(address):
        settings = WebhookSettings(allowed_networks="127.0.0.0/8,::1/128")
        async with http_client(settings, address, 1) as client:
            return await client.request("POST", body=b"", headers={})

    refused = asyncio.run(ask("https://127.0.0.1:1/"))
    assert refused == Failed("unavailable", "no connection: Connection refused")

    def no_such_name(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    unknown = asyncio.run(ask("https://desk.invalid/"))
    assert unknown == Failed("unavailable", "its name cannot be resolved")


@pytest.mark.parametrize("address", ["https://127.0.0.1:1/", "https://[::1]:1/", "https://localhost:1/"])
def test_names_and_literal_addresses_are_refused_alike(address):
    async def ask():
        async with http_client(WebhookSettings(), address, 1) as client:
            return await client.request("POST", body=b"", headers={})

    answer = asyncio.run(ask())
    assert isinstance(answer, Failed)
    assert "not public" in answer.why
