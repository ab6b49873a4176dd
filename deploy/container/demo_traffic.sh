#!/bin/sh
# What `docker compose --profile demo up` publishes: ten days with brigades and what a desk decided, then six hours with
# every storyline and requests of authorities, then further hours without an end, so that curves go on. ROUNDS ends it.
set -eu
tocsin simulate --crowds --rate 300
tocsin simulate --reports "${REPORTS:-6000}" --rate 200
tocsin simulate --requests
round=1
while [ "${ROUNDS:-}" != "$round" ]; do
    round=$((round + 1))
    # Some six a second: another seed gives other people and channels.
    tocsin simulate --seed "$((round + 7))" --reports 2000 --rate 6
done
