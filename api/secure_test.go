package api

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testcert"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/internal/tlsfile"
)

// starter starts a service, over TLS or not.
type starter func(t testing.TB, change func(*Config)) *service

// bothWays runs a test of connections over plain ones and over secured ones.
func bothWays(t *testing.T, test func(*testing.T, starter)) {
	t.Run("plain", func(t *testing.T) { test(t, start) })
	t.Run("secured", func(t *testing.T) {
		test(t, func(t testing.TB, change func(*Config)) *service {
			t.Helper()
			made := testcert.New(t)
			return startSecure(t, secured(t, made, ""), made.Pool, change)
		})
	})
}

// secured is a server's side with a certificate and, unless "", authorities of clients.
func secured(t testing.TB, made testcert.Made, clients string) *tlsfile.Server {
	t.Helper()
	server, err := tlsfile.NewServer(made.Cert, made.Key, clients)
	if err != nil {
		t.Fatal(err)
	}
	server.Protocols = []string{"http/1.1"}
	if err := server.Load(); err != nil {
		t.Fatal(err)
	}
	return server
}

func startSecure(t testing.TB, server *tlsfile.Server, trusts *x509.CertPool, change func(*Config)) *service {
	t.Helper()
	return start(t, func(c *Config) {
		c.TLS = server.Config()
		if change != nil {
			change(c)
		}
	}).over(&tls.Config{RootCAs: trusts})
}

func TestPicturesComeOverSecuredConnections(t *testing.T) {
	made := testcert.New(t)
	s := startSecure(t, secured(t, made, ""), made.Pool, nil)
	plain := start(t, nil)
	picture := testmodel.PNG(640, 480, 1)
	var over, want struct{ Probability float64 }
	s.post("", picture).decode(t, &over)
	plain.post("", picture).decode(t, &want)
	if over != want || want.Probability == 0 {
		t.Errorf("%v over TLS, %v without", over, want)
	}
	for range 20 { // on one connection
		if a := s.post("", picture); a.status != 200 {
			t.Fatalf("%d", a.status)
		}
	}
}

func TestWhoIsLetInByItsCertificate(t *testing.T) {
	own, authority, other := testcert.New(t), testcert.New(t), testcert.New(t)
	s := startSecure(t, secured(t, own, authority.Cert), own.Pool, nil)
	now := time.Now()
	shows := func(c testcert.Made) *tls.Config {
		return &tls.Config{RootCAs: own.Pool, Certificates: []tls.Certificate{c.TLS}}
	}
	issued := authority.Issue(t, testcert.Options{Usage: x509.ExtKeyUsageClientAuth})
	old := shows(issued)
	old.MaxVersion = tls.VersionTLS12
	older := shows(issued)
	older.MinVersion, older.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	new2 := shows(issued)
	new2.NextProtos = []string{"h2"}
	both := shows(issued)
	both.NextProtos = []string{"h2", "http/1.1"}
	forged := other.Issue(t, testcert.Options{})
	for name, c := range map[string]struct {
		config *tls.Config
		let    bool
		reason string // as counted
	}{
		"one of the authority's":             {shows(issued), true, ""},
		"the same with TLS 1.2":              {old, true, ""},
		"the same with TLS 1.1":              {older, false, "protocol"},
		"one that speaks HTTP/2 as well":     {both, true, ""},
		"one that speaks HTTP/2 only":        {new2, false, "protocol"},
		"none":                               {&tls.Config{RootCAs: own.Pool}, false, "client_certificate"},
		"another authority's":                {shows(forged), false, "client_certificate"},
		"its own":                            {shows(other), false, "client_certificate"},
		"one that has expired":               {shows(authority.Issue(t, testcert.Options{From: now.Add(-2 * time.Hour), Until: now.Add(-time.Minute)})), false, "client_certificate"},
		"one that is not valid yet":          {shows(authority.Issue(t, testcert.Options{From: now.Add(time.Minute)})), false, "client_certificate"},
		"one for servers":                    {shows(authority.Issue(t, testcert.Options{Usage: x509.ExtKeyUsageServerAuth})), false, "client_certificate"},
		"one that does not trust the server": {&tls.Config{RootCAs: other.Pool, Certificates: []tls.Certificate{issued.TLS}}, false, "protocol"},
	} {
		// Shown whether or not the server would like it.
		if len(c.config.Certificates) == 1 {
			own := c.config.Certificates[0]
			c.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		}
		before := failures(t, s)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.config, DisableKeepAlives: true}, Timeout: 10 * time.Second}
		response, err := client.Get(s.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		if (err == nil) != c.let {
			t.Errorf("%s: %v", name, err)
		}
		if c.reason == "" {
			continue
		}
		for end := time.Now().Add(5 * time.Second); failures(t, s)[c.reason] != before[c.reason]+1; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s: %v, after %v", name, failures(t, s), before)
				break
			}
		}
	}
}

// failures are the counts of handshakes that failed, by reason.
func failures(t testing.TB, s *service) map[string]float64 {
	t.Helper()
	families, err := s.server.config.Metrics.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "spikeray_tls_handshake_failures_total" {
			for _, m := range f.GetMetric() {
				all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return all
}

func TestWhoSpeaksInTheClearIsTold(t *testing.T) {
	made := testcert.New(t)
	s := startSecure(t, secured(t, made, ""), made.Pool, nil)
	_, addr, _ := strings.Cut(s.url, "://")
	for _, c := range []struct{ request, want string }{
		{"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "https"},
		{"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "https"},
		{"SSH-2.0-client\r\n", ""},
		{strings.Repeat("\x00", 100), ""},
	} {
		connection, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(connection, c.request)
		all, _ := io.ReadAll(connection) // an alert of TLS is no answer
		connection.Close()
		if told := strings.Contains(string(all), "application/problem+json"); told != (c.want != "") || !strings.Contains(string(all), c.want) {
			t.Errorf("%q is answered with %q", c.request, all)
		}
	}
	if f := failures(t, s); f["plain_http"] != 2 || f["protocol"] != 2 {
		t.Errorf("%v", f)
	}
}

// TestCertificatesChangeUnderLoad changes the certificate while requests come on old and on new connections. None fails, and new
// connections get the new one.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	authority := testcert.New(t)
	first := authority.Issue(t, testcert.Options{})
	server := secured(t, first, "")
	s := startSecure(t, server, authority.Pool, nil)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool}, DisableKeepAlives: i%2 == 0}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				response, err := client.Get(s.url + "/v1/models")
				if err != nil || response.StatusCode != 200 {
					t.Errorf("request %d: %v", n, err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	seen := func() []byte {
		_, addr, _ := strings.Cut(s.url, "://")
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.Pool})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	for range 20 {
		next := authority.Issue(t, testcert.Options{})
		use(t, server, next)
		if !bytes.Equal(seen(), next.TLS.Certificate[0]) {
			t.Error("a new connection gets an old certificate")
		}
		// What cannot be used changes nothing: a key of another certificate, one whose time is over, half a file.
		expired := authority.Issue(t, testcert.Options{From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(-time.Hour)})
		for _, bad := range [][2][]byte{{contents(t, next.Cert), contents(t, first.Key)}, {contents(t, expired.Cert), contents(t, expired.Key)}, {contents(t, next.Cert)[:100], contents(t, next.Key)}} {
			if server.Use(bad[:]) == nil {
				t.Error("a certificate that is not usable is used")
			}
		}
		if !bytes.Equal(seen(), next.TLS.Certificate[0]) {
			t.Error("a certificate that is not usable is in force")
		}
	}
	close(stop)
	clients.Wait()
}

func use(t *testing.T, server *tlsfile.Server, made testcert.Made) {
	t.Helper()
	if err := server.Use([][]byte{contents(t, made.Cert), contents(t, made.Key)}); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAuthoritiesOfClientsChange: who was let in by an authority that is gone is not let in again, by no session that it kept.
func TestAuthoritiesOfClientsChange(t *testing.T) {
	own, before, after := testcert.New(t), testcert.New(t), testcert.New(t)
	server := secured(t, own, before.Cert)
	s := startSecure(t, server, own.Pool, nil)
	issued := before.Issue(t, testcert.Options{})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: own.Pool, ClientSessionCache: tls.NewLRUClientSessionCache(10),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &issued.TLS, nil },
	}}, Timeout: 10 * time.Second}
	get := func() error {
		response, err := client.Get(s.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	for range 3 {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Use([][]byte{contents(t, own.Cert), contents(t, own.Key), contents(t, after.Cert)}); err != nil {
		t.Fatal(err)
	}
	if get() == nil {
		t.Error("let in by an authority that is gone")
	}
	issued = after.Issue(t, testcert.Options{})
	if err := get(); err != nil {
		t.Error(err)
	}
}

// TestHalfOpenHandshakesDoNotKeepOthersOut has every place taken by connections that never become secured ones.
func TestHalfOpenHandshakesDoNotKeepOthersOut(t *testing.T) {
	made := testcert.New(t)
	s := startSecure(t, secured(t, made, ""), made.Pool, func(c *Config) { c.MaxConnections = 8 })
	_, addr, _ := strings.Cut(s.url, "://")
	hello := clientHello(t)
	for i := range 40 {
		connection, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_, _ = connection.Write(hello[:i*len(hello)/40]) // some nothing, some nearly all
	}
	for range 10 {
		if a := s.get("/healthz"); a.status != 200 {
			t.Errorf("%d", a.status)
		}
		s.client.CloseIdleConnections()
	}
	if open := s.server.connections.Load().Open(); open > 8 {
		t.Errorf("%d connections are open", open)
	}
}

// clientHello is what a client begins with.
func clientHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: "x"}).Handshake() }()
	_ = ours.SetDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 8<<10)
	n, err := ours.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// TestWhoIsTurnedAwayOverTLSIsTold has all places taken by pictures that are being answered.
func TestWhoIsTurnedAwayOverTLSIsTold(t *testing.T) {
	made := testcert.New(t)
	s := startSecure(t, secured(t, made, ""), made.Pool, func(c *Config) {
		c.Queue = NewQueue(1, 8)
		c.MaxConnections = 2
	})
	release := s.occupy()
	first, second := s.postAside(), s.postAside()
	_, addr, _ := strings.Cut(s.url, "://")
	// By hand: the answer may come before there is a request, which http.Client does not take.
	other, err := tls.Dial("tcp", addr, s.secure.Clone())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_ = other.SetDeadline(time.Now().Add(10 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(other), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !bytes.Contains(body, []byte("overloaded")) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	// One that does not even begin the handshake holds nobody up.
	began := time.Now()
	for range 50 {
		silent, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	release()
	for _, got := range []result{<-first, <-second} {
		if got.status != 200 {
			t.Errorf("%+v", got)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("held up for %v", took)
	}
}

func TestReasonsOfHandshakes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.EOF, "gone"}, {fmt.Errorf("read: %w", net.ErrClosed), "gone"}, {os.ErrDeadlineExceeded, "timeout"}, {errors.New("tls: x"), "protocol"},
		{&tls.CertificateVerificationError{}, "client_certificate"},
	} {
		if got := handshakeFailure(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
