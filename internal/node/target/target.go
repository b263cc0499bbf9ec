// Package target has the systems that results are delivered to: how they are written on the command line, and how each kind
// of them is sent to.
package target

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/report"
)

// Target is a system that is to have results of some kinds.
type Target struct {
	// Name is a metrics' label: the one that was given, or else the address. It has no credentials.
	Name string
	// Kinds are those of package report, each once.
	Kinds []string
	url   *url.URL
}

// scheme is a way to deliver.
type scheme struct {
	kinds []string // that can go this way
	port  string   // for an address without one; "" where there are no ports
}

var schemes = map[string]scheme{
	"dicom":      {[]string{report.KindSR, report.KindSC}, "104"},
	"dicoms":     {[]string{report.KindSR, report.KindSC}, "2762"},
	"http":       {[]string{report.KindSR, report.KindSC}, "80"},
	"https":      {[]string{report.KindSR, report.KindSC}, "443"},
	"fhir+http":  {[]string{report.KindFHIR}, "80"},
	"fhir+https": {[]string{report.KindFHIR}, "443"},
	"mllp":       {[]string{report.KindHL7}, "2575"},
	"mllps":      {[]string{report.KindHL7}, "2575"},
	"file":       {report.Kinds(), ""},
}

// Forms are how targets are written, for help and errors.
const Forms = "dicom://AETITLE@HOST:PORT, dicoms://AETITLE@HOST:PORT, http://HOST:PORT/PATH or https://… (STOW-RS), " +
	"fhir+http://… or fhir+https://…, mllp://HOST:PORT, mllps://HOST:PORT, file:///FOLDER"

var (
	validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	validAE   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,16}$`)
)

// Parse reads a target as it is written on the command line: [NAME:]KIND[,KIND…]=URL.
func Parse(text string) (Target, error) {
	left, address, ok := strings.Cut(text, "=")
	if !ok {
		return Target{}, fmt.Errorf("%q has no =: must be KIND=URL, such as sr=dicom://PACS@host:104", hide(text))
	}
	name, kinds, named := strings.Cut(left, ":")
	if !named {
		name, kinds = "", left
	} else if !validName.MatchString(name) {
		return Target{}, fmt.Errorf("%q is no name of a target: must be up to 64 letters, digits, dots, dashes and underscores", name)
	}
	t := Target{Kinds: strings.Split(kinds, ",")}
	for i, k := range t.Kinds {
		if !slices.Contains(report.Kinds(), k) {
			return Target{}, fmt.Errorf("%q is no kind of result: must be of %s", k, strings.Join(report.Kinds(), ", "))
		}
		if slices.Contains(t.Kinds[:i], k) {
			return Target{}, fmt.Errorf("%s is given twice for one target", k)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return Target{}, fmt.Errorf("the address of a target is no URL: must be of %s", Forms)
	}
	t.url = u
	way, ok := schemes[u.Scheme]
	if !ok {
		return Target{}, fmt.Errorf("%q is no way to deliver: must be of %s", u.Scheme, Forms)
	}
	for _, k := range t.Kinds {
		if !slices.Contains(way.kinds, k) {
			return Target{}, fmt.Errorf("%s cannot be sent by %s://, which is for %s", k, u.Scheme, strings.Join(way.kinds, ", "))
		}
	}
	if err := t.check(way); err != nil {
		return Target{}, err
	}
	if t.Name = name; name == "" {
		t.Name = t.address()
	}
	return t, nil
}

// hide keeps what may be a password out of an error.
func hide(text string) string {
	if strings.Contains(text, "@") {
		return "…@" + text[strings.LastIndex(text, "@")+1:]
	}
	return text
}

// check refuses addresses that say too much or too little, and adds the port.
func (t *Target) check(way scheme) error {
	u := t.url
	isDICOM := strings.HasPrefix(u.Scheme, "dicom")
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return fmt.Errorf("the address of a target has no ? and no #: must be of %s", Forms)
	}
	if _, password := u.User.Password(); password || u.User != nil && !isDICOM {
		return fmt.Errorf("the address of a target has no user and no password, which others could see: give them in the file of --send-credentials")
	}
	if u.Scheme == "file" {
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return fmt.Errorf("a folder is written as file:///FOLDER, with its whole path")
		}
		return nil
	}
	if u.Hostname() == "" {
		return fmt.Errorf("the address of a target has no host: must be of %s", Forms)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), way.port)
	}
	if isDICOM && !validAE.MatchString(u.User.Username()) {
		return fmt.Errorf("a target of %s:// needs its AE title: must be %s://AETITLE@HOST:PORT, with a title of up to 16 letters, digits, dots, dashes and underscores", u.Scheme, u.Scheme)
	}
	if !strings.HasSuffix(u.Scheme, "http") && !strings.HasSuffix(u.Scheme, "https") && strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("an address of %s:// has no path", u.Scheme)
	}
	return nil
}

// address is the URL, which is known to have no credentials.
func (t *Target) address() string { return t.url.String() }

// String is the target as Parse reads it.
func (t Target) String() string { return t.Name + ":" + strings.Join(t.Kinds, ",") + "=" + t.address() }
