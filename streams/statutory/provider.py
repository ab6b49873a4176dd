"""What kind of service a provider runs, and so which rows of the transparency report it fills in."""

from typing import Literal, get_args

# Regulation (EU) 2022/2065: intermediary services (art. 3(g)), hosting services, online platforms (art.
# 3(i)), very large online platforms and search engines (art. 33).
ProviderRole = Literal["intermediary", "hosting", "platform", "vlop", "vlose"]
PROVIDER_ROLES: tuple[ProviderRole, ...] = get_args(ProviderRole)

# The first column of the templates. A search engine is neither a hosting service nor an online platform by
# the words of the Regulation, so its report has only the rows of everybody and its own.
APPLICABILITY: dict[str, frozenset[ProviderRole]] = {
    "All": frozenset(PROVIDER_ROLES),
    "Only for providers of hosting services, including online platforms": frozenset(
        {"hosting", "platform", "vlop"}
    ),
    "Only for providers of online platforms": frozenset({"platform", "vlop"}),
    "Only for VLOPs": frozenset({"vlop"}),
    "Only for VLOPs and VLOSEs": frozenset({"vlop", "vlose"}),
}
