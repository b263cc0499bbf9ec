package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func reasonOf(err error) Reason {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return ""
}

// TestTokensAreJudgedAsByTheReference has PyJWT's tokens and what it says of each; testdata/tokens.py wrote them.
func TestTokensAreJudgedAsByTheReference(t *testing.T) {
	var golden struct {
		Now                       int64
		Issuer, Audience, Subject string
		Cases                     []struct{ Name, Token, Want string }
	}
	if err := json.Unmarshal(readFile(t, "testdata/tokens.json"), &golden); err != nil {
		t.Fatal(err)
	}
	set, err := ParseKeySet(readFile(t, "testdata/keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(set.keys) != 5 {
		t.Errorf("%d keys, want those of the five algorithms", len(set.keys))
	}
	tokens := Tokens{Issuer: golden.Issuer, Audience: golden.Audience, ScopeClaim: "scope"}
	at := time.Unix(golden.Now, 0)
	for _, c := range golden.Cases {
		who, err := tokens.verify(set, c.Token, at)
		if (err == nil) != (c.Want == "good") || (reasonOf(err) == Expired) != (c.Want == "ExpiredSignatureError") {
			t.Errorf("%s: %v, the reference says %s", c.Name, err, c.Want)
		}
		if err != nil {
			continue
		}
		want := Predict | Explain
		switch c.Name {
		case "scopes as an array":
			want = Predict | Models
		case "escaped text":
			want = Predict
		}
		if who.Scopes != want || who.Name != tokenName(golden.Issuer, golden.Subject) || strings.Contains(who.Name, "jane") {
			t.Errorf("%s: %+v", c.Name, who)
		}
		// A bit that is changed anywhere in it makes it another.
		for i := 0; i < len(c.Token); i += 7 {
			changed := []byte(c.Token)
			changed[i] ^= 1
			if _, err := tokens.verify(set, string(changed), at); err == nil {
				t.Errorf("%s: still good with character %d changed", c.Name, i)
			}
		}
	}
	if len(golden.Cases) < 30 {
		t.Errorf("%d cases", len(golden.Cases))
	}
}

// signer signs tokens with a key of P-256 that the set has.
type signer struct {
	key *ecdsa.PrivateKey
	set *KeySet
}

func newSigner(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, &KeySet{[]publicKey{{id, es256, &key.PublicKey}}}}
}

func encode(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

func (s signer) sign(t testing.TB, header, claims string) string {
	t.Helper()
	signed := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	r, q, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(string(append(r.FillBytes(make([]byte, 32)), q.FillBytes(make([]byte, 32))...)))
}

const (
	goodHeader = `{"alg":"ES256","kid":"a"}`
	goodClaims = `{"iss":"i","aud":"a","sub":"s","exp":2000,"scope":"predict"}`
)

var (
	here = Tokens{Issuer: "i", Audience: "a", ScopeClaim: "scope"}
	noon = time.Unix(1000, 0)
)

func TestHeadersOfTokens(t *testing.T) {
	s := newSigner(t, "a")
	for header, good := range map[string]bool{
		goodHeader:        true,
		`{"alg":"ES256"}`: true, // the only key of its kind
		`{"alg":"ES256","kid":"a","typ":"JWT","jku":"https://evil.example","jwk":{"kty":"oct","k":"AAAA"},"x5c":["AAAA"]}`: true, // not looked at
		`{"alg":"ES256","kid":"a","typ":"application/at+jwt"}`:                                                             true,
		`{"alg":"ES256","kid":"b"}`:                        false,
		`{"alg":"ES256","kid":""}`:                         false,
		`{"alg":"ES256","kid":1}`:                          false,
		`{"alg":"ES256","kid":null}`:                       false,
		`{"alg":"none","kid":"a"}`:                         false,
		`{"alg":"None","kid":"a"}`:                         false,
		`{"alg":"","kid":"a"}`:                             false,
		`{"kid":"a"}`:                                      false,
		`{"alg":"HS256","kid":"a"}`:                        false,
		`{"alg":"RS256","kid":"a"}`:                        false,
		`{"alg":"ES384","kid":"a"}`:                        false,
		`{"alg":"es256","kid":"a"}`:                        false,
		`{"ALG":"ES256","kid":"a"}`:                        false,
		`{"alg":"ES256","alg":"ES256","kid":"a"}`:          false, // twice
		`{"alg":["ES256"],"kid":"a"}`:                      false,
		`{"alg":"ES256","kid":"a","crit":["exp"]}`:         false,
		`{"alg":"ES256","kid":"a","crit":[]}`:              false,
		`{"alg":"ES256","kid":"a","typ":"logout+jwt"}`:     false,
		`{"alg":"ES256","kid":"a","typ":7}`:                false,
		`["ES256"]`:                                        false,
		`null`:                                             false,
		``:                                                 false,
		`{"alg":"ES256","kid":"a"} `:                       true,
		`{"alg":"ES256","kid":"a"}x`:                       false,
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"x\":\"\xff\"}": false,
	} {
		if _, err := here.verify(s.set, s.sign(t, header, goodClaims), noon); (err == nil) != good {
			t.Errorf("%s: %v", header, err)
		}
	}
	two := &KeySet{append([]publicKey{{"b", es256, s.set.keys[0].key}}, s.set.keys...)}
	if _, err := here.verify(two, s.sign(t, `{"alg":"ES256"}`, goodClaims), noon); err == nil {
		t.Error("a token that names no key is taken where there are two")
	}
}

func TestClaimsOfTokens(t *testing.T) {
	s := newSigner(t, "a")
	claims := func(change string) string { return strings.TrimSuffix(goodClaims, "}") + change + "}" }
	for text, want := range map[string]Reason{
		goodClaims:              "",
		claims(`,"nbf":1000`):   "",
		claims(`,"nbf":1000.5`): InvalidToken,
		claims(`,"nbf":"1000"`): InvalidToken,
		claims(`,"nbf":null`):   InvalidToken,
		claims(`,"Exp":1`):      "",           // another claim
		claims(`,"exp":3000`):   InvalidToken, // twice
		claims(`,"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)): "",
		`{"iss":"i","aud":"a","sub":"s","EXP":2000,"scope":"predict"}`:        InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":"2000","scope":"predict"}`:      InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":1e400,"scope":"predict"}`:       InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":1e300,"scope":"predict"}`:       InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":-1e300,"scope":"predict"}`:      InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":-5,"scope":"predict"}`:          Expired,
		`{"iss":"i","aud":"a","sub":"s","exp":1000,"scope":"predict"}`:        Expired,
		`{"iss":"i","aud":"a","sub":"s","exp":1000.25,"scope":"predict"}`:     "",
		`{"iss":["i"],"aud":"a","sub":"s","exp":2000,"scope":"predict"}`:      InvalidToken,
		`{"iss":"i","aud":["b","a"],"sub":"s","exp":2000,"scope":"predict"}`:  "",
		`{"iss":"i","aud":["a",1],"sub":"s","exp":2000,"scope":"predict"}`:    InvalidToken,
		`{"iss":"i","aud":[],"sub":"s","exp":2000,"scope":"predict"}`:         InvalidToken,
		`{"iss":"i","aud":{"a":1},"sub":"s","exp":2000,"scope":"predict"}`:    InvalidToken,
		`{"iss":"i","aud":"a","sub":"","exp":2000,"scope":"predict"}`:         InvalidToken,
		`{"iss":"i","aud":"a","sub":5,"exp":2000,"scope":"predict"}`:          InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":2000}`:                          InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":2000,"scope":5}`:                InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":2000,"scope":["predict",null]}`: InvalidToken,
		`{"iss":"i","aud":"a","sub":"s","exp":2000,"scope":"other"}`:          "",
		`[]`: InvalidToken,
	} {
		if _, err := here.verify(s.set, s.sign(t, goodHeader, text), noon); reasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	skewed := here
	skewed.Skew = 10 * time.Second
	for text, want := range map[string]Reason{
		`{"iss":"i","aud":"a","sub":"s","exp":991,"scope":""}`:             "",
		`{"iss":"i","aud":"a","sub":"s","exp":990,"scope":""}`:             Expired,
		`{"iss":"i","aud":"a","sub":"s","exp":2000,"nbf":1010,"scope":""}`: "",
		`{"iss":"i","aud":"a","sub":"s","exp":2000,"nbf":1011,"scope":""}`: InvalidToken,
	} {
		if _, err := skewed.verify(s.set, s.sign(t, goodHeader, text), noon); reasonOf(err) != want {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	who, err := here.verify(s.set, s.sign(t, goodHeader, `{"iss":"i","aud":"a","sub":"s","exp":2000,"scope":["predict models","other"]}`), noon)
	if err != nil || who.Scopes != Predict|Models {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestFormsOfTokens(t *testing.T) {
	s := newSigner(t, "a")
	good := s.sign(t, goodHeader, goodClaims)
	header, rest, _ := strings.Cut(good, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	der, err := ecdsa.SignASN1(rand.Reader, s.key, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nothing":                "",
		"dots":                   "..",
		"many dots":              strings.Repeat(".", maxToken),
		"no signature":           header + "." + claims + ".",
		"no third part":          header + "." + claims,
		"five parts":             good + ".a.b",
		"padded":                 header + "=." + claims + "." + signature,
		"of standard base64":     header + "." + claims + "." + signature[:len(signature)-2] + "+/",
		"bits that say nothing":  header + "." + claims + "." + signature[:len(signature)-1] + next(signature[len(signature)-1]),
		"a line end":             header + ".\n" + claims + "." + signature,
		"a space":                good + " ",
		"a short signature":      header + "." + claims + "." + signature[:len(signature)-4],
		"a long signature":       header + "." + claims + "." + signature + "AAAA",
		"a DER signature":        header + "." + claims + "." + encode(string(der)),
		"zeros":                  header + "." + claims + "." + encode(string(make([]byte, 64))),
		"r and s of one's order": header + "." + claims + "." + encode(strings.Repeat(string(elliptic.P256().Params().N.Bytes()), 2)),
		"too long":               s.sign(t, goodHeader, strings.TrimSuffix(goodClaims, "}")+`,"x":"`+strings.Repeat("x", maxToken)+`"}`),
	} {
		if _, err := here.verify(s.set, token, noon); reasonOf(err) != InvalidToken {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := here.verify(s.set, good, noon); err != nil {
		t.Error(err)
	}
	if _, err := here.verify(newSigner(t, "a").set, good, noon); err == nil {
		t.Error("a signature of another key with the same kid is taken")
	}
}

// next is the character of base64 after c, whose last bits differ.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

// TestAPublicKeyIsNoSecret: a token whose HMAC has the public key for its secret, in any form that a library might take for one.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	file := readFile(t, "testdata/keys.json")
	set, err := ParseKeySet(file)
	if err != nil {
		t.Fatal(err)
	}
	var keys struct{ Keys []map[string]any }
	if err := json.Unmarshal(file, &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Keys {
		whole, _ := json.Marshal(k)
		secrets := []string{string(whole), ""}
		for _, member := range []string{"n", "x", "y"} {
			if v, ok := k[member].(string); ok {
				raw, _ := decode(v)
				secrets = append(secrets, v, string(raw))
			}
		}
		for _, secret := range secrets {
			for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA", "none"} {
				signed := encode(fmt.Sprintf(`{"alg":%q,"kid":%q}`, algorithm, k["kid"])) + "." + encode(goodClaims)
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write([]byte(signed))
				if _, err := here.verify(set, signed+"."+encode(string(mac.Sum(nil))), noon); err == nil {
					t.Errorf("%s with %v as %s", algorithm, k["kid"], secret)
				}
			}
		}
	}
}

// TestATokenIsTheCallers: the same subject of one issuer is one caller, and no other's.
func TestATokenIsTheCallers(t *testing.T) {
	if one := tokenName("i", "s"); one == tokenName("i", "t") || one == tokenName("j", "s") {
		t.Error("names do not tell callers apart")
	}
	// What SECURITY.md says that finds a subject in the logs: printf 'i\ns' | sha256sum
	if sum := sha256.Sum256([]byte("i\ns")); tokenName("i", "s") != fmt.Sprintf("token:%x", sum[:8]) {
		t.Error(tokenName("i", "s"))
	}
}

func FuzzToken(f *testing.F) {
	var golden struct {
		Now              int64
		Issuer, Audience string
		Cases            []struct{ Token string }
	}
	if err := json.Unmarshal(readFile(f, "testdata/tokens.json"), &golden); err != nil {
		f.Fatal(err)
	}
	set, err := ParseKeySet(readFile(f, "testdata/keys.json"))
	if err != nil {
		f.Fatal(err)
	}
	signed := map[string]bool{} // what the issuer signed, by header and claims: a signature of ECDSA has a second form
	for _, c := range golden.Cases {
		f.Add(c.Token)
		signed[c.Token[:strings.LastIndexByte(c.Token, '.')]] = true
	}
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	guard := Guard{Tokens: Tokens{Issuer: golden.Issuer, Audience: golden.Audience, ScopeClaim: "scope"}, Now: func() time.Time { return time.Unix(golden.Now, 0) }}
	guard.UseKeySet(set)
	f.Fuzz(func(t *testing.T, token string) {
		who, err := guard.Identify(http.Header{"Authorization": {"Bearer " + token}})
		switch {
		case err != nil && reasonOf(err) == "":
			t.Errorf("%v is no refusal", err)
		case err == nil && !signed[token[:strings.LastIndexByte(token, '.')]]:
			t.Errorf("%q lets %+v in", token, who)
		}
	})
}
