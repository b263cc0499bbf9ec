package access

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func proxies(t testing.TB, texts ...string) Proxies {
	t.Helper()
	var p Proxies
	for _, text := range texts {
		network, err := ParseProxy(text)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, network)
	}
	return p
}

func TestProxiesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "10.1.2.3/16": "10.1.0.0/16", "::1": "::1/128", "fd00::/8": "fd00::/8", "::ffff:10.0.0.1": "10.0.0.1/32",
		"0.0.0.0/0": "", "::/0": "", "": "", "proxy": "", "10.1.2.3/33": "", "10.1.2": "", "fe80::1%eth0": "", "::ffff:10.0.0.0/104": "", "10.0.0.0/8,": "",
	} {
		got, err := ParseProxy(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestTheClientBehindProxies(t *testing.T) {
	trusted := proxies(t, "10.0.0.0/8", "fd00::/8")
	const far, near, client, evil = "10.0.0.1", "10.0.0.2", "192.0.2.7", "203.0.113.66"
	type h = http.Header
	for name, c := range map[string]struct {
		peer   string
		header h
		want   string
	}{
		"no proxy":                           {client, h{}, client},
		"no proxy that says it is one":       {evil, h{"X-Forwarded-For": {client}, "Forwarded": {"for=" + client}}, evil},
		"a proxy that says nothing":          {near, h{}, near},
		"one proxy":                          {near, h{"X-Forwarded-For": {client}}, client},
		"one, by the standard":               {near, h{"Forwarded": {"for=" + client}}, client},
		"IPv4 in IPv6's form":                {"::ffff:" + near, h{"X-Forwarded-For": {"::ffff:" + client}}, client},
		"two proxies":                        {near, h{"X-Forwarded-For": {client + ", " + far}}, client},
		"two lines":                          {near, h{"X-Forwarded-For": {client, far}}, client},
		"two proxies, by the standard":       {near, h{"Forwarded": {"for=" + client + ";proto=https, for=" + far}}, client},
		"proxies alone":                      {near, h{"X-Forwarded-For": {far}}, far},
		"a client that makes one up":         {near, h{"X-Forwarded-For": {client + ", " + evil}}, evil},
		"the same, in a line of its own":     {near, h{"X-Forwarded-For": {client, evil}}, evil},
		"the same, with a proxy's address":   {near, h{"X-Forwarded-For": {client + "," + far + "," + evil + "," + far}}, evil},
		"the same, by the standard":          {near, h{"Forwarded": {"for=" + client, "for=" + evil}}, evil},
		"with ports":                         {near, h{"X-Forwarded-For": {client + ":4711"}}, client},
		"IPv6":                               {near, h{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7"},
		"IPv6 in brackets":                   {near, h{"X-Forwarded-For": {"[2001:db8::7]"}}, "2001:db8::7"},
		"IPv6 with a port":                   {near, h{"X-Forwarded-For": {"[2001:db8::7]:443"}}, "2001:db8::7"},
		"IPv6 by the standard":               {"fd00::1", h{"Forwarded": {`For="[2001:db8::7]:443";by=_me;host="a;b"`}}, "2001:db8::7"},
		"a quoted IPv4 with a port":          {near, h{"Forwarded": {`proto=http;for="` + client + `:80"`}}, client},
		"empty entries":                      {near, h{"X-Forwarded-For": {", ," + client + ", ,", ""}}, client},
		"both headers, of one mind":          {near, h{"X-Forwarded-For": {client}, "Forwarded": {"for=" + client}}, client},
		"both headers, not of one mind":      {near, h{"X-Forwarded-For": {client}, "Forwarded": {"for=" + evil}}, near},
		"one of both is garbage":             {near, h{"X-Forwarded-For": {client}, "Forwarded": {"garbage"}}, near},
		"a name":                             {near, h{"X-Forwarded-For": {"localhost"}}, near},
		"unknown":                            {near, h{"Forwarded": {"for=unknown"}}, near},
		"an obscured client":                 {near, h{"Forwarded": {"for=_SEVKISEK, for=" + far}}, far},
		"garbage in front":                   {near, h{"X-Forwarded-For": {"\x00\"';--, " + evil}}, evil},
		"garbage behind a proxy":             {near, h{"X-Forwarded-For": {client + ", x, " + far}}, far},
		"a port that is none":                {near, h{"X-Forwarded-For": {client + ":99999999"}}, near},
		"an address with a zone":             {near, h{"X-Forwarded-For": {"fe80::1%eth0"}}, "fe80::1"},
		"an open quote in front":             {near, h{"Forwarded": {`for="` + client + `, for=` + evil}}, evil},
		"a quote that closes in the next":    {near, h{"Forwarded": {`for=` + evil + `;host="x,for=` + client + `;y="`}}, near},
		"the same, escaped":                  {near, h{"Forwarded": {`for=` + evil + `;host="x,for=` + client + `;y=\"";z=a`}}, near},
		"for twice":                          {near, h{"Forwarded": {"for=" + client + ";for=" + evil}}, near},
		"no for":                             {near, h{"Forwarded": {"proto=https;by=" + client}}, near},
		"bare IPv6, by the standard":         {near, h{"Forwarded": {"for=2001:db8::7"}}, near},
		"IPv6 without brackets, by the same": {near, h{"Forwarded": {`for="2001:db8::7"`}}, near},
		"spaces around the equals sign":      {near, h{"Forwarded": {"for = " + client}}, near},
		"a pair without a value":             {near, h{"Forwarded": {"for=" + client + ";x"}}, near},
		"IPv4 in brackets":                   {near, h{"Forwarded": {`for="[` + client + `]"`}}, near},
		"more proxies than there may be":     {near, h{"X-Forwarded-For": {client + strings.Repeat(", "+far, maxHops)}}, far},
		"as many as there may be":            {near, h{"X-Forwarded-For": {client + strings.Repeat(", "+far, maxHops-1)}}, client},
		"16 KiB of commas":                   {near, h{"X-Forwarded-For": {strings.Repeat(",", 16<<10)}}, near},
	} {
		if got := trusted.Client(netip.MustParseAddr(c.peer), c.header); got.String() != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	if got := Proxies(nil).Client(netip.MustParseAddr(near), h{"X-Forwarded-For": {client}}); got.String() != near {
		t.Errorf("who trusts nobody believes %v", got)
	}
}

// FuzzProxies: whatever a client sends before the proxy adds its line, it is the client's own address or the proxy's.
func FuzzProxies(f *testing.F) {
	for _, s := range []string{"", "192.0.2.1", `for="`, `for=1.2.3.4;host="x,`, "for=10.0.0.9", "10.0.0.9, 1.2.3.4", `a="\`, "for=\"[::1]:1\""} {
		f.Add(s, true)
		f.Add(s, false)
	}
	trusted := proxies(f, "10.0.0.0/8")
	near, real := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("203.0.113.66")
	f.Fuzz(func(t *testing.T, sent string, lines bool) {
		added := func(entry string) []string {
			if lines {
				return []string{sent, entry}
			}
			return []string{sent + ", " + entry}
		}
		for name, header := range map[string]http.Header{
			"X-Forwarded-For": {"X-Forwarded-For": added(real.String())},
			"Forwarded":       {"Forwarded": added("for=" + real.String())},
			"both":            {"X-Forwarded-For": added(real.String()), "Forwarded": {sent}},
			"the other":       {"Forwarded": added("for=" + real.String()), "X-Forwarded-For": {sent}},
		} {
			if got := trusted.Client(near, header); got != real && got != near {
				t.Errorf("%s, %q: %v", name, sent, got)
			}
			trusted.Client(near, http.Header{"Forwarded": {sent}, "X-Forwarded-For": {sent}})
		}
	})
}
