package access

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func TestKeySets(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := encode(string(private.N.Bytes()))
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := encode(string(ed))
	one := func(key string) string { return `{"keys":[` + key + `]}` }
	good := fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","kid":"a"}`, n)
	for name, c := range map[string]struct {
		file string
		keys int // 0: refused
	}{
		"one":                        {one(good), 1},
		"with what is not looked at": {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","x5c":["AAAA"],"x5t":"a","ext":true}`, n)), 1},
		"two algorithms, one kid":    {one(good + fmt.Sprintf(`,{"kty":"OKP","crv":"Ed25519","x":%q,"kid":"a"}`, x)), 2},
		"Ed25519 by its new name":    {one(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"alg":"Ed25519"}`, x)), 1},
		"for verifying":              {one(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"key_ops":["verify"]}`, x)), 1},
		"others beside it":           {one(good + `,{"kty":"new"},{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`), 1},
		"another algorithm":          {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","alg":"RS512"},`, n) + good), 1},
		"one kid twice":              {one(good + "," + good), 0},
		"none":                       {`{"keys":[]}`, 0},
		"none of use":                {one(`{"kty":"new"}`), 0},
		"no keys":                    {`{}`, 0},
		"null":                       {`{"keys":null}`, 0},
		"keys twice":                 {`{"keys":[` + good + `],"keys":[` + good + `]}`, 0},
		"an array":                   {`[` + good + `]`, 0},
		"nothing":                    {``, 0},
		"half":                       {one(good)[:100], 0},
		"a symmetric key":            {one(good + `,{"kty":"oct","k":"c2VjcmV0"}`), 0},
		"a private key":              {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","d":%q}`, n, n)), 0},
		"a small RSA key":            {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, n[:300])), 0},
		"a huge RSA key":             {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, strings.Repeat(n[:340], 5))), 0},
		"e of one":                   {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQ"}`, n)), 0},
		"an even e":                  {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAA"}`, n)), 0},
		"an e of 32 bits":            {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"_____w"}`, n)), 0},
		"an e of 40 bits":            {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAAAAE"}`, n)), 0},
		"no n":                       {one(`{"kty":"RSA","e":"AQAB"}`), 0},
		"n in standard base64":       {one(fmt.Sprintf(`{"kty":"RSA","n":"%s+/","e":"AQAB"}`, n)), 0},
		"a point off the curve":      {one(fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, x, x)), 0},
		"a short point":              {one(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`), 0},
		"a short Ed25519 key":        {one(`{"kty":"OKP","crv":"Ed25519","x":"AA"}`), 0},
		"a kid that is a number":     {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","kid":1}`, n)), 0},
		"a long kid":                 {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","kid":%q}`, n, strings.Repeat("a", 300))), 0},
		"key_ops that is a text":     {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","key_ops":"verify"}`, n)), 0},
		"for encryption":             {one(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","use":"enc"}`, n)), 0},
		"too many":                   {one(strings.Repeat(`{"kty":"new"},`, maxPublicKeys) + good), 0},
		"too long":                   {one(good) + strings.Repeat(" ", MaxFile), 0},
	} {
		set, err := ParseKeySet([]byte(c.file))
		if got := 0; err == nil {
			if got = len(set.keys); got != c.keys {
				t.Errorf("%s: %d keys, want %d", name, got, c.keys)
			}
		} else if c.keys != 0 || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzKeySet(f *testing.F) {
	f.Add(readFile(f, "testdata/keys.json"))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		set, err := ParseKeySet(file)
		if err != nil {
			return
		}
		for _, k := range set.keys {
			k.verifies("signed", make([]byte, 64)) // whatever it says, it must say it
			k.verifies("signed", make([]byte, 256))
			if key, ok := k.key.(*rsa.PublicKey); ok && (key.N.BitLen() < minModulus || key.N.Cmp(new(big.Int)) <= 0) {
				t.Errorf("%+v", key)
			}
		}
	})
}
