package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/refresh"
	"github.com/spikeray/spikeray/internal/tlsfile"
)

// hospitalFlags say which systems of a hospital films come from, beside HTTP, and which are to have the results.
type hospitalFlags struct {
	Send            []string `sep:";" placeholder:"KINDS=URL" help:"System that gets the results of films that come by C-STORE, STOW-RS or --watch. KINDS are of sr (DICOM structured report), sc (secondary capture), fhir and hl7, separated by commas. URL is dicom://AETITLE@HOST:PORT or dicoms:// (C-STORE), http:// or https://HOST:PORT/PATH (STOW-RS), fhir+http:// or fhir+https://, mllp:// or mllps://, or file:///FOLDER. A name for metrics may stand before KINDS, as in pacs:sr,sc=dicom://PACS@pacs:104. Separate several with semicolons, or repeat the flag."`
	SendCredentials string   `placeholder:"FILE" help:"File with the credentials for systems of --send over HTTP, in lines such as HOST:PORT basic USER:PASSWORD and HOST:PORT bearer TOKEN."`
	SendCA          string   `name:"send-ca" placeholder:"FILE" help:"Certificates in PEM of authorities that certificates of systems of --send may be from, beside the authorities that this machine trusts."`
	SendCert        string   `placeholder:"FILE" help:"Certificate in PEM that is shown to systems of --send."`
	SendKey         string   `placeholder:"FILE" help:"Its key in PEM."`
	Outbox          string   `placeholder:"FOLDER" help:"Folder in which results wait until they are delivered; needed for --send. One server may use it. It has patient data."`
	OutboxLimit     size     `default:"1G" help:"Most bytes in that folder. When it is full, films are not taken."`

	DICOMListen           string        `name:"dicom-listen" placeholder:"HOST:PORT" help:"Address to listen on for DICOM associations, such as :11112. Films come by C-STORE; C-ECHO is answered too. Objects on their way in get half of the memory for uploads."`
	DICOMAETitle          string        `name:"dicom-ae-title" default:"SPIKERAY" placeholder:"TITLE" help:"Own application entity title, which callers must call, and which results are sent with. The default is ${default}."`
	DICOMCaller           []string      `name:"dicom-caller" sep:";" placeholder:"AETITLE[@ADDRESS]" help:"Who may open associations: an application entity title, and optionally an address or a network such as 10.1.0.0/16; an empty title is any. Separate several with semicolons, or repeat the flag. The default is anybody."`
	DICOMTLSCert          string        `name:"dicom-tls-cert" placeholder:"FILE" help:"Certificate in PEM with which associations are secured. Then only secured ones are accepted."`
	DICOMTLSKey           string        `name:"dicom-tls-key" placeholder:"FILE" help:"Its key in PEM."`
	DICOMTLSClientCA      string        `name:"dicom-tls-client-ca" placeholder:"FILE" help:"Certificates in PEM of authorities. Callers must then show a certificate from one of them."`
	DICOMAssociations     int           `name:"dicom-associations" default:"64" placeholder:"N" help:"Most associations at a time. The default is ${default}."`
	DICOMAssociationsEach int           `name:"dicom-associations-each" default:"16" placeholder:"N" help:"Most associations at a time from one address. The default is ${default}."`
	DICOMIdleTimeout      time.Duration `name:"dicom-idle-timeout" default:"5m" help:"Longest time that an association may stay idle."`

	Watch string `placeholder:"FOLDER" help:"Folder from which films are taken. Files that were taken are moved to its sub-folder done. Files that cannot be taken are moved to refused, each with a text that says why."`
}

var validAETitle = regexp.MustCompile(`^[A-Za-z0-9_. -]{1,16}$`)

// validate refuses what does not go together. given are the flags that are, each by what sets it.
func (f *hospitalFlags) validate(given map[string]string) error {
	targets, err := f.targets()
	if err != nil {
		return err
	}
	listens, sends := f.DICOMListen != "", len(targets) > 0
	for _, name := range []string{"dicom-caller", "dicom-tls-cert", "dicom-tls-key", "dicom-tls-client-ca", "dicom-associations", "dicom-associations-each", "dicom-idle-timeout"} {
		if given[name] != "" && !listens {
			return fmt.Errorf("%s needs --dicom-listen", given[name])
		}
	}
	for _, name := range []string{"send-credentials", "send-ca", "send-cert", "send-key", "outbox", "outbox-limit"} {
		if given[name] != "" && !sends {
			return fmt.Errorf("%s needs --send", given[name])
		}
	}
	switch {
	case (listens || f.Watch != "") && !sends:
		return errors.New("--dicom-listen and --watch need --send: without a system that gets the results, films would be answered for nobody")
	case given["dicom-ae-title"] != "" && !listens && !sends:
		return fmt.Errorf("%s needs --dicom-listen or --send", given["dicom-ae-title"])
	case !validAETitle.MatchString(f.DICOMAETitle) || strings.TrimSpace(f.DICOMAETitle) != f.DICOMAETitle:
		return fmt.Errorf("--dicom-ae-title must be up to 16 letters, digits, spaces, dots, dashes and underscores, not %q", f.DICOMAETitle)
	case f.DICOMAssociations < 1 || f.DICOMAssociationsEach < 1 || f.DICOMIdleTimeout <= 0:
		return errors.New("--dicom-associations and --dicom-associations-each must be at least 1, and --dicom-idle-timeout above 0")
	case f.Watch != "" && f.Outbox != "" && (within(f.Outbox, f.Watch) || within(f.Watch, f.Outbox)):
		return errors.New("--outbox and --watch must be two folders, neither in the other")
	}
	_, err = f.callers()
	return err
}

// within tells whether a path is that of a folder or below it.
func within(path, folder string) bool {
	path, err := filepath.Abs(path)
	folder, err2 := filepath.Abs(folder)
	if err != nil || err2 != nil {
		return false
	}
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, string(filepath.Separator))+string(filepath.Separator))
}

// targets are those of --send.
func (f *hospitalFlags) targets() ([]target.Target, error) {
	var all []target.Target
	for _, text := range f.Send {
		t, err := target.Parse(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--send: %w", err)
		}
		if slices.ContainsFunc(all, func(o target.Target) bool { return o.Name == t.Name }) {
			return nil, fmt.Errorf("--send: %s is given twice; give each target a name of its own, or all its kinds at once", t.Name)
		}
		all = append(all, t)
	}
	return all, nil
}

// callers are those of --dicom-caller.
func (f *hospitalFlags) callers() ([]dimse.Caller, error) {
	var all []dimse.Caller
	for _, text := range f.DICOMCaller {
		title, address, limited := strings.Cut(strings.TrimSpace(text), "@")
		if title != "" && !validAETitle.MatchString(title) || title == "" && !limited {
			return nil, fmt.Errorf("--dicom-caller: %q is no AETITLE[@ADDRESS]: a title has up to 16 letters, digits, spaces, dots, dashes and underscores", text)
		}
		c := dimse.Caller{AETitle: title}
		if limited {
			network, err := netip.ParsePrefix(address)
			if ip, ipErr := netip.ParseAddr(address); ipErr == nil {
				network, err = netip.PrefixFrom(ip, ip.BitLen()), nil
			}
			if err != nil {
				return nil, fmt.Errorf("--dicom-caller: %q is no IP address and no network such as 10.1.0.0/16", address)
			}
			c.From = []netip.Prefix{network}
		}
		all = append(all, c)
	}
	return all, nil
}

// settings are what the flags say of all targets.
func (f *hospitalFlags) settings() (s target.Settings, err error) {
	s.CallingAE = f.DICOMAETitle
	if s.TLS, err = tlsfile.Client(f.SendCA, f.SendCert, f.SendKey); err != nil {
		return s, fmt.Errorf("--send-ca, --send-cert and --send-key: %w", err)
	}
	if f.SendCredentials != "" {
		if s.Credentials, err = target.ReadCredentials(f.SendCredentials); err != nil {
			return s, fmt.Errorf("--send-credentials: %w", err)
		}
	}
	return s, nil
}

// outboxOptions are what the flags say of the outbox.
func (f *hospitalFlags) outboxOptions() outbox.Options {
	return outbox.Options{MaxBytes: int64(f.OutboxLimit)}
}

// dimseServer is what the flags say of the provider of DICOM services. Objects may hold so many bytes of memory, and one of them at
// most so many.
func (f *hospitalFlags) dimseServer(memory, object int64) (*dimse.Server, error) {
	callers, err := f.callers()
	if err != nil {
		return nil, err
	}
	s := &dimse.Server{
		AETitle: f.DICOMAETitle,
		Callers: callers,
		Limits: dimse.Limits{
			Associations: f.DICOMAssociations, PerAddress: f.DICOMAssociationsEach, Idle: f.DICOMIdleTimeout,
			Memory: memory, Object: min(object, dimse.LargestObject(memory)),
		},
	}
	return s, nil
}

// dicomTLS secures associations, by what the files have when one begins; nil where nothing is to be secured.
func (f *hospitalFlags) dicomTLS(files *refresh.Keeper) (*tls.Config, error) {
	if f.DICOMTLSCert+f.DICOMTLSKey+f.DICOMTLSClientCA == "" {
		return nil, nil
	}
	server, err := tlsfile.NewServer(f.DICOMTLSCert, f.DICOMTLSKey, f.DICOMTLSClientCA)
	if err == nil {
		err = files.Add(refresh.Source{Name: fileDICOMTLS, Files: server.Files(), Use: server.Use})
	}
	if err != nil {
		return nil, fmt.Errorf("--dicom-tls-cert, --dicom-tls-key and --dicom-tls-client-ca: %w", err)
	}
	return server.Config(), nil
}
