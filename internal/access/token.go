package access

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// The algorithms that tokens may be signed with (RFC 7518, 3; RFC 8037). None is symmetric.
const (
	rs256 = "RS256"
	ps256 = "PS256"
	es256 = "ES256"
	es384 = "ES384"
	edDSA = "EdDSA"
)

// maxToken bounds a token, in bytes. Those of the usual issuers have one or two thousand.
const maxToken = 8 << 10

const (
	// MaxSkew bounds [Tokens.Skew].
	MaxSkew = 10 * time.Minute
	// maxClaim bounds a subject, in bytes.
	maxClaim = 1 << 10
	// maxTime bounds what is taken for a time, in seconds: exact in a float64.
	maxTime = 1 << 53
)

// Tokens says which JSON Web Tokens are accepted. Every field must be given.
type Tokens struct {
	Issuer     string
	Audience   string
	ScopeClaim string        // the claim with the scopes, as a text with spaces between them or as an array of texts
	Skew       time.Duration // how much the clocks may differ
}

// verify checks a token in its compact form (RFC 7515, 7.1; RFC 7519, 7.2; RFC 8725) and tells whose it is.
func (t Tokens) verify(set *KeySet, token string, now time.Time) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, refuse(InvalidToken, "the token is longer than %d bytes", maxToken)
	}
	signed, encoded, payload, ok := split(token)
	if !ok {
		return Identity{}, refuse(InvalidToken, "the token is not three parts in base64url, the first two of them JSON objects")
	}
	key, err := chooseKey(set, encoded.header)
	if err != nil {
		return Identity{}, err
	}
	if !key.verifies(signed, encoded.signature) {
		return Identity{}, refuse(InvalidToken, "the token's signature is not the key's")
	}
	return t.identify(payload, now)
}

type parts struct {
	header    map[string]json.RawMessage
	signature []byte
}

func split(token string) (signed string, p parts, payload map[string]json.RawMessage, ok bool) {
	header, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	if header == "" || body == "" || signature == "" {
		return "", p, nil, false
	}
	var err error
	if p.signature, err = decode(signature); err != nil {
		return "", p, nil, false
	}
	if p.header = part(header); p.header == nil {
		return "", p, nil, false
	}
	if payload = part(body); payload == nil {
		return "", p, nil, false
	}
	return token[:len(header)+1+len(body)], p, payload, true
}

func part(encoded string) map[string]json.RawMessage {
	text, err := decode(encoded)
	if err != nil {
		return nil
	}
	members, err := object(text)
	if err != nil {
		return nil
	}
	return members
}

// chooseKey is the key for a token's header. Where a header brings or names a key of its own (jwk, jku, x5c, x5u), that is not looked at.
func chooseKey(set *KeySet, header map[string]json.RawMessage) (publicKey, error) {
	if _, there := header["crit"]; there {
		return publicKey{}, refuse(InvalidToken, "the token's header asks for an extension (crit), and none is supported")
	}
	if raw, there := header["typ"]; there {
		kind, ok := text(raw)
		kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
		if !ok || kind != "jwt" && kind != "at+jwt" {
			return publicKey{}, refuse(InvalidToken, "the token is of another type: must be JWT or at+jwt")
		}
	}
	algorithm, ok := text(header["alg"])
	if !ok {
		return publicKey{}, refuse(InvalidToken, "the token's header has no alg")
	}
	if algorithm == "Ed25519" { // RFC 9864's name of it
		algorithm = edDSA
	}
	raw, named := header["kid"]
	id, ok := text(raw)
	if named && !ok {
		return publicKey{}, refuse(InvalidToken, "the token's kid is not a text")
	}
	key, ok := set.pick(algorithm, id, named)
	if !ok {
		return publicKey{}, refuse(InvalidToken, "the token is signed with no key of the server's: neither its kid nor its alg name one of them")
	}
	return key, nil
}

// verifies tells whether a signature is the key's, by the key's algorithm.
func (k publicKey) verifies(signed string, signature []byte) bool {
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		digest := sha256.Sum256([]byte(signed))
		if k.algorithm == ps256 {
			return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case *ecdsa.PublicKey:
		var digest []byte
		if k.algorithm == es384 {
			sum := sha512.Sum384([]byte(signed))
			digest = sum[:]
		} else {
			sum := sha256.Sum256([]byte(signed))
			digest = sum[:]
		}
		half := len(digest) // the curve's size too
		if len(signature) != 2*half {
			return false
		}
		return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		return ed25519.Verify(key, []byte(signed), signature)
	}
	return false
}

// identify checks the claims of a token whose signature is good.
func (t Tokens) identify(claims map[string]json.RawMessage, now time.Time) (Identity, error) {
	if issuer, ok := text(claims["iss"]); !ok || issuer != t.Issuer {
		return Identity{}, refuse(InvalidToken, "the token is of another issuer")
	}
	if audiences, ok := texts(claims["aud"]); !ok || !slices.Contains(audiences, t.Audience) {
		return Identity{}, refuse(InvalidToken, "the token is for another audience")
	}
	end, ok := seconds(claims["exp"])
	if !ok {
		return Identity{}, refuse(InvalidToken, "the token has no exp that is a time: it would never expire")
	}
	clock, skew := float64(now.UnixNano())/1e9, t.Skew.Seconds()
	if clock >= end+skew {
		return Identity{}, refuse(Expired, "the token has expired")
	}
	if raw, there := claims["nbf"]; there {
		begin, ok := seconds(raw)
		switch {
		case !ok:
			return Identity{}, refuse(InvalidToken, "the token's nbf is not a time")
		case clock < begin-skew:
			return Identity{}, refuse(InvalidToken, "the token is not valid yet")
		}
	}
	subject, ok := text(claims["sub"])
	if !ok || subject == "" || len(subject) > maxClaim {
		return Identity{}, refuse(InvalidToken, "the token has no sub that says whose it is")
	}
	raw, there := claims[t.ScopeClaim]
	if !there {
		return Identity{}, refuse(InvalidToken, "the token has no claim %s with what it allows", t.ScopeClaim)
	}
	words, ok := texts(raw)
	if !ok {
		return Identity{}, refuse(InvalidToken, "the token's claim %s is neither a text nor an array of texts", t.ScopeClaim)
	}
	who := Identity{Name: tokenName(t.Issuer, subject)}
	for _, word := range words {
		for name := range strings.FieldsSeq(word) {
			who.Scopes |= scopeOf(name) // the issuer's others are not ours
		}
	}
	return who, nil
}

// text reads a JSON text.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// texts reads a JSON text or an array of such.
func texts(raw json.RawMessage) ([]string, bool) {
	if s, ok := text(raw); ok {
		return []string{s}, true
	}
	var members []json.RawMessage
	if !bytes.HasPrefix(raw, []byte("[")) || json.Unmarshal(raw, &members) != nil {
		return nil, false
	}
	all := make([]string, len(members))
	for i, m := range members {
		var ok bool
		if all[i], ok = text(m); !ok {
			return nil, false
		}
	}
	return all, true
}

// seconds reads a time in seconds since 1970 (RFC 7519, 2, NumericDate).
func seconds(raw json.RawMessage) (at float64, ok bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') || json.Unmarshal(raw, &at) != nil {
		return 0, false
	}
	return at, at >= -maxTime && at <= maxTime
}
