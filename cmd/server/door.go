package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/refresh"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/tlsfile"
)

// doorFlags say who may use the service, and how connections to it are secured.
type doorFlags struct {
	APIKeys       string        `name:"api-keys" placeholder:"FILE" help:"File with the hashes of API keys, as spikeray key prints them. Requests then need a key, but for the page, /healthz, /readyz and /openapi.yaml. It is read again when it changes and on SIGHUP."`
	JWKS          string        `name:"jwks" placeholder:"FILE" help:"File with the public keys (JWKS) of an issuer of JSON Web Tokens. Requests then need a token, or a key where there is --api-keys. It is read again when it changes and on SIGHUP."`
	JWTIssuer     string        `name:"jwt-issuer" placeholder:"URL" help:"Issuer (iss) that tokens must have."`
	JWTAudience   string        `name:"jwt-audience" placeholder:"NAME" help:"Audience (aud) that tokens must have: this service, as the issuer calls it."`
	JWTScopeClaim string        `name:"jwt-scope-claim" default:"scope" placeholder:"CLAIM" help:"Claim of tokens that has the scopes, as a text with spaces between them or as an array: of ${scopes}. The default is ${default}."`
	JWTClockSkew  time.Duration `name:"jwt-clock-skew" default:"30s" placeholder:"TIME" help:"How much the clocks of the issuer and of this machine may differ, at most 10m. The default is ${default}."`

	TLSCert     string `name:"tls-cert" placeholder:"FILE" help:"Certificate in PEM, with its chain. Then --addr takes secured connections only (https, TLS 1.2 and 1.3). The files of certificates are read again when they change and on SIGHUP."`
	TLSKey      string `name:"tls-key" placeholder:"FILE" help:"Its key in PEM."`
	TLSClientCA string `name:"tls-client-ca" placeholder:"FILE" help:"Certificates in PEM of authorities. Clients must then show a certificate from one of them."`

	OperatorAddr string      `name:"operator-addr" placeholder:"HOST:PORT" help:"Address for operators, such as 127.0.0.1:9090: /metrics, /status and /debug/pprof are then there only, without credentials and without TLS, and /healthz and /readyz there too. By default /metrics and /status are at --addr, and profiles nowhere."`
	TrustedProxy []string    `sep:";" placeholder:"ADDRESS" help:"Address or network, such as 10.1.0.0/16, of proxies that say truly in Forwarded or X-Forwarded-For whom they forward: callers are then told apart by those addresses. Separate several with semicolons, or repeat the flag."`
	CallerRate   access.Rate `placeholder:"N/s" help:"How many requests a caller (a key, a token's subject, otherwise an address) may send in a second, minute or hour, as in 10/s, 600/m or 1000/h; so many may come at once. Others are answered with 429. A key's own rate takes its place."`

	files *refresh.Keeper // of all that is read again
}

// What is read again, by its name in logs and metrics.
const (
	fileAPIKeys  = "api-keys"
	fileJWKS     = "jwks"
	fileTLS      = "tls"
	fileDICOMTLS = "dicom-tls"
)

var (
	validClaim    = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)
	validAudience = regexp.MustCompile(`^[\x21-\x7e]{1,512}$`)
)

// validate refuses what does not go together. given are the flags that are, each by what sets it.
func (f *doorFlags) validate(given map[string]string, addr string, origins []string) error {
	needs := func(flag string, names ...string) error {
		for _, name := range names {
			if given[name] != "" && given[flag] == "" {
				return fmt.Errorf("%s needs --%s", given[name], flag)
			}
		}
		return nil
	}
	for _, flag := range []struct{ name, value string }{
		{"api-keys", f.APIKeys}, {"jwks", f.JWKS}, {"jwt-issuer", f.JWTIssuer}, {"jwt-audience", f.JWTAudience},
		{"tls-cert", f.TLSCert}, {"tls-key", f.TLSKey}, {"tls-client-ca", f.TLSClientCA}, {"operator-addr", f.OperatorAddr},
	} {
		if given[flag.name] != "" && flag.value == "" { // a variable of a shell that is not set must not leave the door open
			return fmt.Errorf("%s is empty", given[flag.name])
		}
	}
	if err := errors.Join(
		needs("jwks", "jwt-issuer", "jwt-audience", "jwt-scope-claim", "jwt-clock-skew"),
		needs("tls-cert", "tls-key", "tls-client-ca"),
	); err != nil {
		return err
	}
	switch {
	case given["trusted-proxy"] != "" && len(f.TrustedProxy) == 0:
		return fmt.Errorf("%s is empty", given["trusted-proxy"])
	case f.JWTIssuer != "" && !validAudience.MatchString(f.JWTIssuer), f.JWTAudience != "" && !validAudience.MatchString(f.JWTAudience):
		return errors.New("--jwt-issuer and --jwt-audience must be up to 512 printable characters without spaces")
	case !validClaim.MatchString(f.JWTScopeClaim):
		return fmt.Errorf("--jwt-scope-claim must be a claim's name, not %q", f.JWTScopeClaim)
	case f.JWTClockSkew < 0 || f.JWTClockSkew > access.MaxSkew:
		return fmt.Errorf("--jwt-clock-skew must be 0s to %v", access.MaxSkew)
	case f.OperatorAddr != "" && f.OperatorAddr == addr && !strings.HasSuffix(addr, ":0"):
		return errors.New("--operator-addr must be another address than --addr")
	case slices.Contains(origins, "*") && len(origins) > 1:
		return errors.New("--trusted-origin * is every origin: give it alone")
	case slices.Contains(origins, "*") && f.TLSClientCA != "":
		return errors.New("--trusted-origin * does not go with --tls-client-ca: any site could have a browser send pictures with its user's certificate")
	}
	_, err := f.proxies()
	return err
}

// proxies are those of --trusted-proxy.
func (f *doorFlags) proxies() (access.Proxies, error) {
	var all access.Proxies
	for _, text := range f.TrustedProxy {
		network, err := access.ParseProxy(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxy: %w", err)
		}
		all = append(all, network)
	}
	return all, nil
}

// configure adds to the server's configuration what needs no file.
func (f *doorFlags) configure(config *api.Config) (err error) {
	config.CallerRate = f.CallerRate
	config.OperatorsApart = f.OperatorAddr != ""
	config.Proxies, err = f.proxies()
	return err
}

// watch makes what looks after files that may change.
func (c *serveCommand) watch(m *telemetry.Metrics, log *slog.Logger) {
	told := m.Files(fileAPIKeys, fileJWKS, fileTLS, fileDICOMTLS)
	c.files = &refresh.Keeper{Log: log, Told: told.Read}
}

// guard is what the flags say of credentials; nil where none are needed.
func (f *doorFlags) guard() *access.Guard {
	if f.APIKeys == "" && f.JWKS == "" {
		return nil
	}
	return &access.Guard{Tokens: access.Tokens{
		Issuer: f.JWTIssuer, Audience: f.JWTAudience, ScopeClaim: f.JWTScopeClaim, Skew: f.JWTClockSkew,
	}}
}

// openDoor reads the files of keys and certificates, and has them read again when they change.
func (f *doorFlags) openDoor(config *api.Config) error {
	config.Guard = f.guard()
	if f.APIKeys != "" {
		err := f.files.Add(refresh.Source{Name: fileAPIKeys, Files: []string{f.APIKeys}, Use: func(contents [][]byte) error {
			keys, err := access.ParseKeys(contents[0])
			if err == nil {
				config.Guard.UseKeys(keys)
			}
			return err
		}})
		if err != nil {
			return fmt.Errorf("--api-keys %s: %w", f.APIKeys, err)
		}
	}
	if f.JWKS != "" {
		if f.JWTIssuer == "" || f.JWTAudience == "" {
			return errors.New("--jwks needs --jwt-issuer and --jwt-audience: a token of the same issuer may be for another service")
		}
		err := f.files.Add(refresh.Source{Name: fileJWKS, Files: []string{f.JWKS}, Use: func(contents [][]byte) error {
			set, err := access.ParseKeySet(contents[0])
			if err == nil {
				config.Guard.UseKeySet(set)
			}
			return err
		}})
		if err != nil {
			return fmt.Errorf("--jwks %s: %w", f.JWKS, err)
		}
	}
	if f.TLSCert == "" {
		return nil
	}
	server, err := tlsfile.NewServer(f.TLSCert, f.TLSKey, f.TLSClientCA)
	if err == nil {
		// HTTP/2 is not served: what guards connections reads the requests of HTTP/1.1, one after another.
		server.Protocols = []string{"http/1.1"}
		err = f.files.Add(refresh.Source{Name: fileTLS, Files: server.Files(), Use: server.Use})
	}
	if err != nil {
		return fmt.Errorf("--tls-cert, --tls-key and --tls-client-ca: %w", err)
	}
	config.TLS = server.Config()
	config.Metrics.Certificate(server.Expiry)
	return nil
}

// beside serves operators at their own address and looks after files that change, until stop is called, which tells what went wrong.
// It calls end where operators can be served no longer.
func (f *doorFlags) beside(ctx context.Context, end func(), server *api.Server, log *slog.Logger) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until the last answer: operators see how the drain goes
	var running sync.WaitGroup
	var failed error
	if f.OperatorAddr != "" {
		listener, err := net.Listen("tcp", f.OperatorAddr)
		if err != nil {
			cancel()
			return nil, fmt.Errorf("--operator-addr: %w", err)
		}
		log.Info("serving operators", "operator_addr", listener.Addr().String())
		running.Go(func() {
			if failed = server.ServeOperators(ctx, listener); failed != nil {
				log.Error("operators are no longer served", "error", failed)
				end()
			}
		})
	}
	running.Go(func() { f.files.Run(ctx) })
	return func() error {
		cancel()
		running.Wait()
		return failed
	}, nil
}

// clear tells whether credentials would travel over a network that can be listened to: without TLS, and not on this machine alone.
func (f *doorFlags) clear(addr net.Addr) bool {
	if f.TLSCert != "" || f.APIKeys == "" && f.JWKS == "" {
		return false
	}
	at, err := netip.ParseAddrPort(addr.String())
	return err != nil || !at.Addr().IsLoopback()
}
