package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/spikeray/spikeray/internal/strictjson"
)

const (
	maxPublicKeys = 100
	maxKeyID      = 256
	// minModulus and maxModulus bound an RSA key, in bits: below it is weak (RFC 7518, 3.3), above slow to verify with.
	minModulus = 2048
	maxModulus = 8192
)

// publicKey is a key that signs tokens. The algorithm is the key's, never a token's to choose.
type publicKey struct {
	id        string
	algorithm string
	key       crypto.PublicKey
}

// KeySet is the public keys of a JWKS file.
type KeySet struct{ keys []publicKey }

// jwk is a key as RFC 7517 has it. Its other members, such as certificates, are not looked at.
type jwk struct {
	kty, use, alg, kid, crv string
	n, e, x, y              string
	operations              []string
}

// ParseKeySet reads a JWKS file (RFC 7517, 5). Keys for encryption, and of types or algorithms that are not supported, are left out,
// as the standard asks. A file with a private or a symmetric key is refused: it should be nowhere but with the issuer.
func ParseKeySet(file []byte) (*KeySet, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("longer than %d bytes", MaxFile)
	}
	top, err := object(file)
	if err != nil {
		return nil, fmt.Errorf("not a JWKS file: %w", err)
	}
	var raw []json.RawMessage
	if json.Unmarshal(top["keys"], &raw) != nil || raw == nil {
		return nil, errors.New(`not a JWKS file: must be an object with the array "keys"`)
	}
	if len(raw) > maxPublicKeys {
		return nil, fmt.Errorf("%d keys, must be at most %d", len(raw), maxPublicKeys)
	}
	set := &KeySet{}
	for i, text := range raw {
		k, err := parseJWK(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if k == nil {
			continue
		}
		for _, other := range set.keys {
			if other.id == k.id && other.algorithm == k.algorithm {
				return nil, fmt.Errorf("key %d: its kid is another key's already", i+1)
			}
		}
		set.keys = append(set.keys, *k)
	}
	if len(set.keys) == 0 {
		return nil, errors.New("no key that can verify a token: RS256, PS256, ES256, ES384 and EdDSA (Ed25519) are supported")
	}
	return set, nil
}

// object reads a JSON object whose keys are matched to the letter, and each there once. encoding/json alone would take "EXP" for "exp".
func object(text []byte) (map[string]json.RawMessage, error) {
	var whole json.RawMessage
	if err := strictjson.Decode(text, &whole); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

// parseJWK is nil for a key that is left out.
func parseJWK(text []byte) (*publicKey, error) {
	members, err := object(text)
	if err != nil {
		return nil, err
	}
	var j jwk
	for name, into := range map[string]*string{
		"kty": &j.kty, "use": &j.use, "alg": &j.alg, "kid": &j.kid, "crv": &j.crv, "n": &j.n, "e": &j.e, "x": &j.x, "y": &j.y,
	} {
		if value, there := members[name]; there && json.Unmarshal(value, into) != nil {
			return nil, fmt.Errorf("%s is not a text", name)
		}
	}
	if value, there := members["key_ops"]; there && json.Unmarshal(value, &j.operations) != nil {
		return nil, errors.New("key_ops is not an array of texts")
	}
	switch {
	case j.kty == "oct":
		return nil, errors.New("a symmetric key: whoever can verify with it can also sign; have the issuer sign with RS256, ES256 or EdDSA")
	case members["d"] != nil:
		return nil, errors.New("a private key: the file must have public keys only, and this one should be replaced")
	case len(j.kid) > maxKeyID:
		return nil, fmt.Errorf("kid has %d bytes, must have at most %d", len(j.kid), maxKeyID)
	case j.use != "" && j.use != "sig", j.operations != nil && !slices.Contains(j.operations, "verify"):
		return nil, nil
	}
	k := &publicKey{id: j.kid}
	switch j.kty {
	case "RSA":
		k.algorithm, k.key, err = j.rsa()
	case "EC":
		k.algorithm, k.key, err = j.ec()
	case "OKP":
		k.algorithm, k.key, err = j.okp()
	}
	if err != nil || k.algorithm == "" || j.alg != "" && j.alg != k.algorithm && !(k.algorithm == edDSA && j.alg == "Ed25519") {
		return nil, err
	}
	return k, nil
}

// decode reads base64url without padding, in its one form.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

func (j jwk) rsa() (string, crypto.PublicKey, error) {
	n, err := decode(j.n)
	if err != nil || len(n) == 0 {
		return "", nil, errors.New("n is not a number in base64url")
	}
	e, err := decode(j.e)
	if err != nil || len(e) == 0 || len(e) > 4 {
		return "", nil, errors.New("e is not a number of up to 31 bits in base64url")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Uint64())}
	switch bits := key.N.BitLen(); {
	case bits < minModulus || bits > maxModulus:
		return "", nil, fmt.Errorf("an RSA key of %d bits, must have %d to %d", bits, minModulus, maxModulus)
	case key.E < 3 || key.E > 1<<31-1 || key.E%2 == 0 || key.N.Bit(0) == 0:
		return "", nil, errors.New("n and e are no RSA key's")
	}
	if j.alg == ps256 {
		return ps256, key, nil
	}
	return rs256, key, nil
}

func (j jwk) ec() (string, crypto.PublicKey, error) {
	var curve elliptic.Curve
	algorithm := ""
	switch j.crv {
	case "P-256":
		curve, algorithm = elliptic.P256(), es256
	case "P-384":
		curve, algorithm = elliptic.P384(), es384
	default:
		return "", nil, nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, errX := decode(j.x)
	y, errY := decode(j.y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return "", nil, fmt.Errorf("x and y must each be %d bytes in base64url", size)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
	if err != nil {
		return "", nil, fmt.Errorf("x and y are no point of %s", j.crv)
	}
	return algorithm, key, nil
}

func (j jwk) okp() (string, crypto.PublicKey, error) {
	if j.crv != "Ed25519" {
		return "", nil, nil
	}
	x, err := decode(j.x)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return "", nil, fmt.Errorf("x must be %d bytes in base64url", ed25519.PublicKeySize)
	}
	return edDSA, ed25519.PublicKey(x), nil
}

// pick is the key that a token's header names: by its kid, or, where it has none, the only one of its algorithm.
func (s *KeySet) pick(algorithm, id string, named bool) (publicKey, bool) {
	var found publicKey
	n := 0
	for _, k := range s.keys {
		if k.algorithm == algorithm && (!named || k.id == id) {
			found = k
			n++
		}
	}
	return found, n == 1
}
