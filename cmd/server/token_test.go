package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// issuer signs tokens.
type issuer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newIssuer(t *testing.T, id string) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{key, id}
}

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jwk is the issuer's public key.
func (i issuer) jwk(t *testing.T) string {
	t.Helper()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","use":"sig","kid":%q,"x":%q,"y":%q}`, i.id, base64url(point[1:33]), base64url(point[33:]))
}

func (i issuer) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := base64url(fmt.Appendf(nil, `{"alg":"ES256","kid":%q}`, i.id)) + "." + base64url(body)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64url(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// TestTokensOfAnIssuer has a server with an issuer's keys, which are replaced while it runs, and with keys of its own beside them.
func TestTokensOfAnIssuer(t *testing.T) {
	first, second := newIssuer(t, "2026"), newIssuer(t, "2027")
	own, line := newKey(t, "own")
	dir := t.TempDir()
	file, keys := filepath.Join(dir, "jwks.json"), write(t, []byte(line+"\n"), dir, "keys")
	put := func(all ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(`{"keys":[`+strings.Join(all, ",")+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(first.jwk(t))
	p := serve(t, []string{"SPIKERAY_JWT_ISSUER=https://sso.example", "SPIKERAY_JWT_AUDIENCE=xray", "SPIKERAY_JWT_SCOPE_CLAIM=scp", "SPIKERAY_JWT_CLOCK_SKEW=5s"},
		"--jwks="+file, "--api-keys="+keys)
	claims := func(change map[string]any) map[string]any {
		all := map[string]any{"iss": "https://sso.example", "aud": "xray", "sub": "jane@ward.example", "exp": time.Now().Add(time.Minute).Unix(), "scp": []string{"operate"}}
		for name, value := range change {
			all[name] = value
		}
		return all
	}
	good := first.token(t, claims(nil))
	for name, c := range map[string]struct {
		credentials string
		models      int // the status of what any valid credentials are enough for
		metrics     int // and of what needs a scope
	}{
		"good":                {good, 200, 200},
		"a key":               {own, 200, 403},
		"without the scope":   {first.token(t, claims(map[string]any{"scp": "predict"})), 200, 403},
		"without scopes":      {first.token(t, claims(map[string]any{"scp": ""})), 200, 403},
		"another claim":       {first.token(t, claims(map[string]any{"scp": nil, "scope": "operate"})), 401, 401},
		"another issuer":      {first.token(t, claims(map[string]any{"iss": "https://evil.example"})), 401, 401},
		"another audience":    {first.token(t, claims(map[string]any{"aud": "other"})), 401, 401},
		"over":                {first.token(t, claims(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})), 401, 401},
		"over, by clocks":     {first.token(t, claims(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})), 200, 200},
		"another's signature": {newIssuer(t, "2026").token(t, claims(nil)), 401, 401},
		"of next year's key":  {second.token(t, claims(nil)), 401, 401},
		"none":                {"", 401, 401},
	} {
		models, _ := p.askAs(t, "/v1/models", c.credentials)
		metrics, _ := p.askAs(t, "/metrics", c.credentials)
		if models != c.models || metrics != c.metrics {
			t.Errorf("%s: %d and %d, want %d and %d", name, models, metrics, c.models, c.metrics)
		}
	}
	put(second.jwk(t))
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	next := second.token(t, claims(nil))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if status, _ := p.askAs(t, "/v1/models", next); status == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the new key is not taken")
		}
	}
	if status, _ := p.askAs(t, "/v1/models", good); status != 401 {
		t.Errorf("a token of the key that is gone: %d", status)
	}
	exit, logs := p.end(t)
	sum := sha256.Sum256([]byte("https://sso.example\njane@ward.example"))
	if exit != 0 || !strings.Contains(logs, fmt.Sprintf(`"caller":"token:%x"`, sum[:8])) || strings.Contains(logs, "jane") || strings.Contains(logs, good[:30]) {
		t.Errorf("status %d\n%s", exit, logs)
	}
}
