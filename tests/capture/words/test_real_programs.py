"""What real programs say in a lab; a longer list of them is in tests/capture/corpus."""

from __future__ import annotations

PROGRAMS = """
ping -c 3 -i 0.01 8.8.8.8; ping -c 2 -i 0.01 -s 3000 10.0.2.3
getent hosts dns.google; getent hosts nothere.example
apt-get update -q
curl -s -o /dev/null http://10.0.2.2/ http://10.0.2.2/nothing http://10.0.2.2/debian/dists/bookworm/InRelease
curl -sI http://10.0.2.2/debian/dists/bookworm/InRelease; curl -s -m 0.3 http://10.0.2.3/; curl -s -m 0.3 https://10.0.2.2:80/
"""


def test_the_table_of_what_programs_of_a_lab_say_is_tsharks(shared_lab, compare, tmp_path):
    with shared_lab.capture("host:eth0") as seen:
        shared_lab["host"].run(PROGRAMS, check=False, timeout=30)
    file = tmp_path / "seen.pcapng"
    seen.save(file)
    found = compare.compare(file)
    print(found)
    assert found.rows.total() > 80
    assert found.share >= 0.99, found.different[:5]
