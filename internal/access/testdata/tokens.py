#!/usr/bin/env python3
"""Writes keys.json and tokens.json: a JWKS file and tokens by PyJWT, the reference for the tests of tokens.

  pip install 'pyjwt[crypto]==2.15.1' jwcrypto && python tokens.py

The private keys are made anew and thrown away. "want" is what PyJWT itself says of a token with the public keys, the audience, the
issuer and the clock of the tests; the reasons are theirs by name.
"""
import datetime
import json

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwcrypto import jwk

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://issuer.example/realms/ward", "spikeray"

private = {
    "rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
    "pss": ("PS256", rsa.generate_private_key(65537, 2048)),
    "p256": ("ES256", ec.generate_private_key(ec.SECP256R1())),
    "p384": ("ES384", ec.generate_private_key(ec.SECP384R1())),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
}
public = []
for kid, (alg, key) in private.items():
    member = json.loads(jwk.JWK.from_pyca(key.public_key()).export_public())
    member |= {"kid": kid, "alg": alg, "use": "sig"}
    if kid in ("rsa", "ed"):
        del member["alg"]
    public.append(member)
# What an issuer's file has besides.
public.append(json.loads(jwk.JWK.from_pyca(rsa.generate_private_key(65537, 2048).public_key()).export_public()) | {"kid": "enc", "use": "enc"})
public.append(json.loads(jwk.JWK.from_pyca(ec.generate_private_key(ec.SECP521R1()).public_key()).export_public()) | {"kid": "p521"})
json.dump({"keys": public}, open("keys.json", "w"), indent=1)

good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "jane@ward.example", "exp": NOW + 300, "iat": NOW, "scope": "openid predict explain"}


def reference(token, kid):
    """What PyJWT says."""
    alg, key = private[kid]
    try:
        # PyJWT's clock cannot be set: what depends on it is told by the claims.
        claims = jwt.decode(token, key.public_key(), algorithms=[alg], audience=AUDIENCE, issuer=ISSUER,
                            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False,
                                     "require": ["exp", "sub", "iss", "aud"]})
    except jwt.PyJWTError as e:
        return type(e).__name__
    if claims["exp"] <= NOW:
        return "ExpiredSignatureError"
    if claims.get("nbf", 0) > NOW:
        return "ImmatureSignatureError"
    return "good"


def without(name):
    return {k: v for k, v in good.items() if k != name}


cases = []


def add(name, token, kid):
    cases.append({"name": name, "token": token, "want": reference(token, kid)})


for kid, (alg, key) in private.items():
    token = jwt.encode(good, key, alg, headers={"kid": kid})
    add(f"{alg}", token, kid)
    signature = token.rsplit(".", 1)[1]
    other = jwt.encode(good | {"sub": "other"}, key, alg, headers={"kid": kid}).rsplit(".", 1)[0]
    add(f"{alg}, the signature of another token", f"{other}.{signature}", kid)
    add(f"{alg}, another type", jwt.encode(good, key, alg, headers={"kid": kid, "typ": "at+jwt"}), kid)
alg, key = private["p256"]
for name, claims in {
    "several audiences": good | {"aud": ["other", AUDIENCE]},
    "another audience": good | {"aud": "other"},
    "other audiences": good | {"aud": ["other", "another"]},
    "no audience": without("aud"),
    "another issuer": good | {"iss": ISSUER + "/"},
    "no issuer": without("iss"),
    "no subject": without("sub"),
    "expired": good | {"exp": NOW - 1},
    "expires now": good | {"exp": NOW},
    "no expiry": without("exp"),
    "not yet": good | {"nbf": NOW + 1},
    "since now": good | {"nbf": NOW},
    "a fraction of a second left": good | {"exp": NOW + 0.5},
    "scopes as an array": good | {"scope": ["predict", "models"]},
    "escaped text": good | {"scope": "pr\u00e9dict predict"},
}.items():
    add(name, jwt.encode(claims, key, alg, headers={"kid": "p256"}), "p256")
json.dump({"now": NOW, "issuer": ISSUER, "audience": AUDIENCE, "subject": good["sub"], "cases": cases}, open("tokens.json", "w"), indent=1)
print(len(cases), "tokens,", datetime.datetime.fromtimestamp(NOW, datetime.UTC))
for c in cases:
    print(f'{c["want"]:28} {c["name"]}')
