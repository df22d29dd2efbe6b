"""Keys and a signature file that the program minisign, version 0.11, has made."""

from __future__ import annotations

from nativeplug.trust.minisign import PublicKey

# By `minisign -GW`, and `minisign -S` (and `-Sl`) of this data.
DATA = b"a plugin\n"
PUBLIC = "RWTxxwimclgHEBOA4xJHd2qSImd1LICvp5fgw1J4Aihr76WWrscdnSyP"
PUBLIC_FILE = f"untrusted comment: minisign public key 10075872A608C7F1\n{PUBLIC}\n"
SIGNATURE = b"""\
untrusted comment: signature from minisign secret key
RUTxxwimclgHEOLpDMY7+Byu1g/e3NEYWBC7nMXoef+yjngKqMRptLfyHhQU97PZZ8XiFRrQA5KVgqJD/tMTqGKLZ/ICKF2PQAA=
trusted comment: timestamp:1795748543\tfile:greeter.so\thashed
wh1kYWQJoKLaes+tIKvo4K/h3thvg0CM49kAN2Wd0gOMqirOKWfrLOdzylPiAHBbq5VgkqM/FZuq9LcpJVu4Bg==
"""
LEGACY = b"""\
untrusted comment: signature from minisign secret key
RWTxxwimclgHEFrLE6BvfWuyo535TaNu3qsTn5gGFawVyoHX4bULNY8CPjk3muiNv+LGw2gzZw7iwS2TsLPJ2oaQQ1YlgXhgFwI=
trusted comment: timestamp:1795748543\tfile:greeter.so
C0kyXVR5GqO0pfqfm4hslIaSTLJaRRVCz1aAQUFWDsUmUWahkqb9h98mXotwVsR3La8w6hNJJDktVN3pUiYJDQ==
"""
KEY = PublicKey.parse(PUBLIC)

# By `minisign -GW`: it is the one that has made SIGNATURE.
OPEN = """\
untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA8ccIpnJYBxCgyJLQOUrfIbYo\
1us/frVO2DR8onT/WXZAK0Zo9uvpPBOA4xJHd2qSImd1LICvp5fgw1J4Aihr76WWrscdnSyPAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
AAAAAAAAAAAAAAA=
"""
# By `minisign -G`, with little memory, so that it needs little.
ENCRYPTED = """\
untrusted comment: minisign encrypted secret key
RWRTY0IyFlb0DQu4TRYnSPgjWXUo8s2r6RXrGbdhSAX5gyV2IT4AABAAAAAAAAAAAAIAAAAAFUyM1rca+CipBI/nW69uaiKSMQiU\
vEHD5UvfToG+NKT52KKjEUgzy86xjTVodlg+/gm8oRu/g7maUrKbQPkHlMtBOO+ZvEO7gorsH7nTl85n+AdchjgpDf9NK4FtG5hP\
n204yqTsQKI=
"""
ENCRYPTED_PUBLIC = "RWTOCDXmdPF8hrE4zwGi74EohRHDR7C6ifJxmKN/P3iGyBgs1unah7AU"
PASSWORD = "correct horse"  # noqa: S105 - of the key above
