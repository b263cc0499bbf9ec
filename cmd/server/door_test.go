package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/testcert"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// newKey makes a key by the program.
func newKey(t *testing.T, args ...string) (key, line string) {
	t.Helper()
	r := spikeray(t, nil, append([]string{"key", "new"}, args...)...)
	key, line, found := strings.Cut(strings.TrimSuffix(r.out, "\n"), "\n")
	if r.status != 0 || !found || access.CheckKey(key) != nil || strings.Contains(line, key) || strings.Contains(r.err, key) {
		t.Fatalf("%+v", r)
	}
	return key, line
}

func TestKeysAreMadeAndHashed(t *testing.T) {
	key, line := newKey(t, "ward-3", "--scope=predict,explain", "--scope=models", "--rate=600/m")
	if !strings.HasPrefix(line, "ward-3 sha256:") || !strings.HasSuffix(line, " scopes=predict,explain,models rate=600/m") {
		t.Error(line)
	}
	if again, other := newKey(t, "ward-3"); again == key || other == line {
		t.Error("a key is made twice")
	}
	for _, end := range []string{"\n", "", "\r\n", "\nmore"} {
		r := spikeray(t, []byte(key+end), "key", "hash", "ward-3", "--scope=models,predict,explain", "--rate=600/m")
		if r.status != 0 || r.out != line+"\n" {
			t.Errorf("%q: %+v, want %s", end, r, line)
		}
	}
	for _, c := range []struct {
		in, says string
		args     []string
	}{
		{"password\n", "at least 43", []string{"hash", "a"}},
		{strings.Repeat("ab", 30), "not random", []string{"hash", "a"}},
		{"", "at least 43", []string{"hash", "a"}},
		{key, "--scope", []string{"hash", "a", "--scope=all"}},
		{"", "--scope", []string{"new", "a", "--scope="}}, // a variable that is not set is not the usual scopes
		{key, "name", []string{"hash", "a b"}},
		{"", "name", []string{"new", "ä"}},
		{"", "rate", []string{"new", "a", "--rate=fast"}},
		{"", "--scope", []string{"new", "a", "--scope=predict,predict"}},
	} {
		r := spikeray(t, []byte(c.in), append([]string{"key"}, c.args...)...)
		if r.status == 0 || !strings.Contains(r.err, c.says) || r.out != "" || c.in != "" && strings.Contains(r.err, strings.TrimSpace(c.in)) {
			t.Errorf("%q: %+v", c.args, r)
		}
	}
}

// ask sends a GET with a key, "" for none.
func (p *process) askAs(t *testing.T, path, key string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

// TestKeysAreReadAgain has the file of keys changed, by SIGHUP and without, while a caller sends one request after another: none of
// them fails. A file that is not one changes nothing.
func TestKeysAreReadAgain(t *testing.T) {
	stays, staysLine := newKey(t, "stays")
	goes, goesLine := newKey(t, "goes")
	comes, comesLine := newKey(t, "comes")
	operator, operatorLine := newKey(t, "operator", "--scope=operate")
	file := filepath.Join(t.TempDir(), "keys")
	put := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	put(staysLine, goesLine, operatorLine)
	p := serve(t, nil, "--api-keys="+file)
	hangup := func() {
		t.Helper()
		if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	status := func(key string) int {
		t.Helper()
		status, _ := p.askAs(t, "/v1/models", key)
		return status
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() {
		for n := 0; ; n++ {
			if s := status(stays); s != 200 {
				t.Errorf("request %d: %d", n, s)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	if status("") != 401 || status(comes) != 401 || status(goes) != 200 {
		t.Error("the keys are not those of the file")
	}
	if s, _ := p.askAs(t, "/metrics", stays); s != 403 {
		t.Errorf("metrics by a caller: %d", s)
	}
	put(staysLine, comesLine, operatorLine)
	hangup()
	until("SIGHUP changes nothing", func() bool { return status(goes) == 401 && status(comes) == 200 })

	put("this is no file of keys")
	until("nobody says that the file is bad", func() bool {
		s, body := p.askAs(t, "/metrics", operator)
		return s == 200 && strings.Contains(body, `spikeray_file_stale{file="api-keys"} 1`)
	})
	hangup()
	if status(comes) != 200 {
		t.Error("a bad file is in force")
	}
	put(staysLine, goesLine)
	until("a change is not seen", func() bool { return status(goes) == 200 && status(comes) == 401 })
	close(stop)
	clients.Wait()
	exit, logs := p.end(t)
	if exit != 0 || !strings.Contains(logs, "what was in force stays so") || !strings.Contains(logs, `"caller":"key:stays"`) {
		t.Errorf("status %d\n%s", exit, logs)
	}
	for _, key := range []string{stays, goes, comes, operator} {
		if strings.Contains(logs, key) {
			t.Error("the log has a key")
		}
	}
}

const certificateExpiry = "spikeray_tls_certificate_expiry_timestamp_seconds"

// TestServeWithTLS has the certificate replaced while the server runs; healthcheck asks over TLS, by the variables that serve has.
func TestServeWithTLS(t *testing.T) {
	authority := testcert.New(t)
	dir := t.TempDir()
	cert, key, clients := filepath.Join(dir, "c"), filepath.Join(dir, "k"), filepath.Join(dir, "a")
	place := func(from, to string) {
		t.Helper()
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	first := authority.Issue(t, testcert.Options{})
	place(first.Cert, cert)
	place(first.Key, key)
	place(authority.Cert, clients)
	env := []string{"SPIKERAY_TLS_CERT=" + cert, "SPIKERAY_TLS_KEY=" + key, "SPIKERAY_TLS_CLIENT_CA=" + clients}
	operators := freeAddr(t)
	p := serve(t, env, "--operator-addr="+operators)
	addr := strings.TrimPrefix(p.url, "http://")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: authority.Pool, Certificates: []tls.Certificate{first.TLS}}}}
	post := func() (serial string) {
		t.Helper()
		response, err := client.Post("https://"+addr+"/v1/predictions", "image/png", bytes.NewReader(testmodel.PNG(64, 48, 1)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 200 {
			t.Errorf("%d", response.StatusCode)
		}
		return response.TLS.PeerCertificates[0].SerialNumber.String()
	}
	was := post()
	check := func(env []string, args ...string) int {
		t.Helper()
		for _, v := range env {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		r := spikeray(t, nil, append([]string{"healthcheck"}, args...)...)
		return r.status
	}
	if s := check(nil, "--addr="+addr); s != 1 {
		t.Errorf("healthcheck without TLS: %d", s)
	}
	if s := check(nil, "--addr="+addr, "--tls-cert="+authority.Cert, "--tls-key="+authority.Key); s != 1 {
		t.Errorf("healthcheck with another certificate: %d", s)
	}
	if s := check(nil, "--addr="+addr, "--operator-addr="+operators); s != 0 {
		t.Errorf("healthcheck by the operators' address: %d", s)
	}
	if s := check(nil, "--addr="+addr, "--tls-cert="+cert); s != 1 {
		t.Errorf("healthcheck without a certificate of its own: %d", s)
	}
	if s := check(env, "--addr="+addr); s != 0 {
		t.Errorf("healthcheck by the variables of serve: %d", s)
	}

	second := authority.Issue(t, testcert.Options{})
	place(second.Key, key)
	place(second.Cert, cert)
	for end := time.Now().Add(20 * time.Second); post() == was; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the certificate is still the old one")
		}
	}
	if s := check(nil, "--addr="+addr); s != 0 {
		t.Errorf("healthcheck with the new certificate: %d", s)
	}
	response, err := http.Get("http://" + operators + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	scrape, _ := io.ReadAll(response.Body)
	response.Body.Close()
	for _, line := range []string{
		certificateExpiry + " " + strconv.FormatFloat(float64(second.TLS.Leaf.NotAfter.Unix()), 'g', -1, 64),
		`spikeray_file_stale{file="tls"} 0`,
	} {
		if !strings.Contains(string(scrape), line) {
			t.Errorf("no %s", line)
		}
	}
	if exit, logs := p.end(t); exit != 0 {
		t.Errorf("status %d\n%s", exit, logs)
	}
}

func TestDoorFlagsThatDoNotGoTogether(t *testing.T) {
	made := testcert.New(t)
	dir := t.TempDir()
	empty := write(t, []byte("# no key\n"), dir, "empty")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"needs --jwks", []string{"--jwt-issuer=i"}},
		{"needs --jwks", []string{"--jwt-clock-skew=5s"}},
		{"needs --jwt-issuer and --jwt-audience", []string{"--jwks=j", "--jwt-issuer=i"}},
		{"without spaces", []string{"--jwks=j", "--jwt-issuer=i i"}},
		{"claim", []string{"--jwks=j", "--jwt-scope-claim=a b"}},
		{"--jwt-clock-skew must be", []string{"--jwks=j", "--jwt-clock-skew=11m"}},
		{"--jwt-clock-skew must be", []string{"--jwks=j", "--jwt-clock-skew=-1s"}},
		{"needs --tls-cert", []string{"--tls-key=k"}},
		{"needs --tls-cert", []string{"--tls-client-ca=a"}},
		{"needs its key", []string{"--tls-cert=" + made.Cert}},
		{"another address", []string{"--operator-addr=127.0.0.1:9", "--addr=127.0.0.1:9"}},
		{"--operator-addr", []string{"--operator-addr=nonsense"}},
		{"give it alone", []string{"--trusted-origin=*", "--trusted-origin=https://a.example"}},
		{"certificate", []string{"--trusted-origin=*", "--tls-cert=c", "--tls-key=k", "--tls-client-ca=a"}},
		{"every address", []string{"--trusted-proxy=0.0.0.0/0"}},
		{"no IP address", []string{"--trusted-proxy=proxy"}},
		{"no rate", []string{"--caller-rate=10"}},
		{"is empty", []string{"--api-keys="}},
		{"is empty", []string{"--jwks="}},
		{"is empty", []string{"--tls-client-ca=", "--tls-cert=c", "--tls-key=k"}},
		{"is empty", []string{"--operator-addr="}},
		{"there is no key", []string{"--api-keys=" + empty}},
		{"no such file", []string{"--api-keys=" + filepath.Join(dir, "none")}},
		{"line 1", []string{"--api-keys=" + made.Cert}},
		{"not a JWKS", []string{"--jwt-issuer=i", "--jwt-audience=a", "--jwks=" + made.Cert}},
		{"--tls-cert", []string{"--tls-cert=" + empty, "--tls-key=" + made.Key}},
	} {
		r := spikeray(t, nil, append([]string{"serve", "--addr=127.0.0.1:0"}, c.args...)...)
		if len(c.args) > 1 && strings.HasPrefix(c.args[1], "--addr=") {
			r = spikeray(t, nil, append([]string{"serve"}, c.args...)...)
		}
		if r.status == 0 || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %+v, expected %q", c.args, r, c.says)
		}
	}
}

// TestKeysInTheClearAreWarnedOf: on loopback nobody listens.
func TestKeysInTheClearAreWarnedOf(t *testing.T) {
	_, line := newKey(t, "a")
	file := write(t, []byte(line+"\n"), t.TempDir(), "keys")
	for addr, warned := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		p := serve(t, nil, "--addr="+addr, "--api-keys="+file)
		if _, logs := p.end(t); strings.Contains(logs, "travel in the clear") != warned {
			t.Errorf("%s:\n%s", addr, logs)
		}
	}
}
