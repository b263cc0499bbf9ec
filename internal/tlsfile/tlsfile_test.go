package tlsfile

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testcert"
)

func TestFilesOfClients(t *testing.T) {
	c := testcert.New(t)
	for _, files := range [][3]string{{"", "", ""}, {c.Cert, "", ""}, {"", c.Cert, c.Key}, {c.Cert, c.Cert, c.Key}} {
		config, err := Client(files[0], files[1], files[2])
		if err != nil || (config.RootCAs != nil) != (files[0] != "") || (len(config.Certificates) == 1) != (files[1] != "") || config.MinVersion != tls.VersionTLS12 {
			t.Errorf("%q: %+v, %v", files, config, err)
		}
	}
	for _, files := range [][3]string{{"gone", "", ""}, {c.Key, "", ""}, {"", c.Cert, ""}, {"", "", c.Key}, {"", c.Key, c.Cert}, {"", "gone", c.Key}} {
		if _, err := Client(files[0], files[1], files[2]); err == nil {
			t.Errorf("%q are taken", files)
		}
	}
}

func TestFilesOfServers(t *testing.T) {
	c := testcert.New(t)
	for _, files := range [][3]string{{"", "", ""}, {"", "", c.Cert}, {"", c.Key, ""}, {c.Cert, "", ""}} {
		if _, err := NewServer(files[0], files[1], files[2]); err == nil {
			t.Errorf("%q are taken", files)
		}
	}
	for _, files := range [][3]string{{c.Cert, c.Key, "gone"}, {c.Cert, c.Key, c.Key}, {c.Cert, testcert.New(t).Key, ""}, {c.Key, c.Cert, ""}, {"gone", c.Key, ""}} {
		s, err := NewServer(files[0], files[1], files[2])
		if err != nil {
			t.Fatal(err)
		}
		if s.Load() == nil {
			t.Errorf("%q are used", files)
		}
	}
	expired := c.Issue(t, testcert.Options{From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(-time.Second)})
	if s, err := NewServer(expired.Cert, expired.Key, ""); err != nil || s.Load() == nil {
		t.Error("a certificate whose time is over is used")
	}
}

// TestAHandshakeTakesWhatIsInForce has one configuration, and two certificates one after the other.
func TestAHandshakeTakesWhatIsInForce(t *testing.T) {
	authority := testcert.New(t)
	first, second := authority.Issue(t, testcert.Options{}), authority.Issue(t, testcert.Options{Until: time.Now().Add(2 * time.Hour)})
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	place := func(m testcert.Made) {
		for from, to := range map[string]string{m.Cert: cert, m.Key: key} {
			data, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	place(first)
	s, err := NewServer(cert, key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	config := s.Config()
	shown := func(version uint16) time.Time {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		server := tls.Server(theirs, config)
		done := make(chan error, 1)
		go func() { done <- server.Handshake() }()
		client := tls.Client(ours, &tls.Config{RootCAs: authority.Pool, ServerName: "localhost", MaxVersion: version})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if client.ConnectionState().NegotiatedProtocol != "" {
			t.Error("a protocol is agreed on that nobody asked for")
		}
		return client.ConnectionState().PeerCertificates[0].NotAfter
	}
	for _, m := range []testcert.Made{first, second} {
		place(m)
		if err := s.Load(); err != nil {
			t.Fatal(err)
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if got := shown(version); !got.Equal(m.TLS.Leaf.NotAfter) || !s.Expiry().Equal(got) {
				t.Errorf("%v is shown, until %v is said, want %v", got, s.Expiry(), m.TLS.Leaf.NotAfter)
			}
		}
	}
}
