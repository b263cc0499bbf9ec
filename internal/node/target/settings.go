package target

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/outbox"
)

// Settings are what all targets share.
type Settings struct {
	// CallingAE is this program's own AE title.
	CallingAE string
	// TLS is for targets with a secured connection; nil for the system's authorities and no certificate of our own.
	TLS *tls.Config
	// Credentials are HTTP's Authorization by host and port.
	Credentials map[string]string
}

// Sender delivers to the target.
func (t Target) Sender(s Settings) outbox.Sender {
	secure := s.TLS
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	switch t.url.Scheme {
	case "dicom":
		return newDICOMSender(t.url, s.CallingAE, nil)
	case "dicoms":
		return newDICOMSender(t.url, s.CallingAE, secure)
	case "mllp":
		return mllpSender{addr: t.url.Host}
	case "mllps":
		return mllpSender{addr: t.url.Host, secure: secure}
	case "file":
		return folderSender{t.url.Path}
	}
	header := http.Header{}
	if a := s.Credentials[t.url.Host]; a != "" {
		header.Set("Authorization", a)
	}
	address := *t.url
	scheme, isFHIR := strings.CutPrefix(address.Scheme, "fhir+")
	address.Scheme = scheme
	if isFHIR {
		return fhirSender{HTTPClient(secure), address.String(), header}
	}
	if address.Path = strings.TrimRight(address.Path, "/"); !strings.HasSuffix(address.Path, "/studies") {
		address.Path += "/studies"
	}
	return stowSender{HTTPClient(secure), address.String(), header}
}

// HTTPClient is one that goes nowhere else than it is told: what it sends may be a patient's.
func HTTPClient(secure *tls.Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // not even by way of one that the environment names
	transport.TLSClientConfig = secure.Clone()
	transport.ForceAttemptHTTP2 = true
	transport.ResponseHeaderTimeout = time.Minute
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxCredentials bounds a file of credentials.
const maxCredentials = 1 << 20

// ReadCredentials reads a file of lines "HOST:PORT basic USER:PASSWORD" and "HOST:PORT bearer TOKEN". Empty lines and those that
// begin with # say nothing. Errors name a line and nothing of it.
func ReadCredentials(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) > maxCredentials {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxCredentials)
	}
	all := map[string]string{}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		host, rest, _ := strings.Cut(line, " ")
		kind, secret, _ := strings.Cut(strings.TrimSpace(rest), " ")
		secret = strings.TrimSpace(secret)
		switch {
		case !strings.Contains(host, ":") || secret == "" || all[host] != "":
		case kind == "basic" && strings.Contains(secret, ":"):
			all[host] = "Basic " + base64.StdEncoding.EncodeToString([]byte(secret))
			continue
		case kind == "bearer" && !strings.ContainsAny(secret, " \t"):
			all[host] = "Bearer " + secret
			continue
		}
		return nil, fmt.Errorf("line %d of %s: must be HOST:PORT basic USER:PASSWORD or HOST:PORT bearer TOKEN, once for each host", number, path)
	}
	return all, nil
}
