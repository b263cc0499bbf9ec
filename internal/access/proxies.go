package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose word about the client behind them is taken. Nil trusts nobody.
type Proxies []netip.Prefix

// maxHops bounds the proxies that a request may have come by: what is further away is not looked for.
const maxHops = 32

// ParseProxy reads an address or a network such as 10.1.0.0/16. One that is everybody's is refused.
func ParseProxy(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if ip, ipErr := netip.ParseAddr(text); ipErr == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		network, err = netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	switch {
	case err != nil:
		return network, fmt.Errorf("%.60q is no IP address and no network such as 10.1.0.0/16", text)
	case network.Addr().Is4In6():
		return network, fmt.Errorf("%s is an IPv4 network in IPv6's form: write it as IPv4", text)
	case network.Bits() == 0:
		return network, fmt.Errorf("%s is every address: anybody could say that they are anybody else", text)
	}
	return network.Masked(), nil
}

// trusts tells whether an address is a proxy's.
func (p Proxies) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// Client is the address that a request comes from: the connection's, or, where that is a proxy's, what the proxy says in Forwarded
// (RFC 7239) or X-Forwarded-For. The nearest entry is the last, and only what a trusted proxy wrote is believed: so the client is the
// last address that is not a proxy's. Where an entry is unreadable, or the two headers do not agree, it is the nearest proxy that is
// sure: a client that makes entries up can hide among all behind that proxy, and never be taken for another.
func (p Proxies) Client(peer netip.Addr, h http.Header) netip.Addr {
	peer = peer.Unmap().WithZone("")
	if len(p) == 0 || !p.trusts(peer) {
		return peer
	}
	standard, old := h["Forwarded"], h["X-Forwarded-For"]
	switch {
	case len(standard) == 0 && len(old) == 0:
		return peer
	case len(old) == 0:
		return p.walk(peer, standard, forwardedFor)
	case len(standard) == 0:
		return p.walk(peer, old, looseAddress)
	}
	if a := p.walk(peer, standard, forwardedFor); a == p.walk(peer, old, looseAddress) {
		return a
	}
	return peer
}

// walk goes from the nearest entry to the first that is not a proxy's.
func (p Proxies) walk(at netip.Addr, lines []string, address func(string) (netip.Addr, bool)) netip.Addr {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var entry string
			comma := strings.LastIndexByte(rest, ',')
			if more = comma >= 0; more {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				entry = rest
			}
			if entry = strings.Trim(entry, " \t"); entry == "" {
				continue // a list may have empty entries (RFC 9110, 5.6.1)
			}
			ip, ok := address(entry)
			if hops++; !ok || hops > maxHops {
				return at
			}
			if at = ip; !p.trusts(ip) {
				return at
			}
		}
	}
	return at
}

// looseAddress reads an entry of X-Forwarded-For, which no standard describes: an address, with a port or without.
func looseAddress(entry string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(entry); err == nil {
		return ip.Unmap().WithZone(""), true
	}
	return node(entry)
}

// node reads an address as RFC 7239, 6 has it, with a port or without; of IPv6, in brackets.
func node(text string) (netip.Addr, bool) {
	host := text
	if end := strings.IndexByte(text, ']'); strings.HasPrefix(text, "[") && end > 0 {
		host = text[1:end]
		if rest := text[end+1:]; rest != "" && (rest[0] != ':' || !isPort(rest[1:])) {
			return netip.Addr{}, false
		}
		ip, err := netip.ParseAddr(host)
		return ip.Unmap().WithZone(""), err == nil && ip.Is6()
	}
	if h, port, found := strings.Cut(text, ":"); found {
		if host = h; !isPort(port) {
			return netip.Addr{}, false
		}
	}
	ip, err := netip.ParseAddr(host)
	return ip, err == nil && ip.Is4()
}

func isPort(text string) bool {
	return text != "" && len(text) <= 5 && strings.Trim(text, "0123456789") == ""
}

// forwardedFor reads the for of an entry of Forwarded, which must be well-formed as a whole (RFC 7239, 4). Quoted texts with a
// comma in them are not: lines are taken apart at the commas, from the end, so that nothing in front of an entry can change how it is read.
func forwardedFor(entry string) (ip netip.Addr, ok bool) {
	for more := true; more; {
		var pair string
		if pair, entry, more = cutPair(entry); pair == "" {
			return ip, false
		}
		name, value, _ := strings.Cut(pair, "=")
		if !isToken(name) {
			return ip, false
		}
		if strings.HasPrefix(value, `"`) {
			value, ok = unquote(value)
		} else {
			ok = isToken(value)
		}
		if !ok || strings.EqualFold(name, "for") && ip.IsValid() {
			return netip.Addr{}, false
		}
		if strings.EqualFold(name, "for") {
			if ip, ok = node(value); !ok {
				return netip.Addr{}, false
			}
		}
	}
	return ip, ip.IsValid()
}

// cutPair cuts an entry at the first semicolon that is not in quotes.
func cutPair(entry string) (pair, rest string, more bool) {
	quoted := false
	for i := 0; i < len(entry); i++ {
		switch c := entry[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == ';':
			return strings.Trim(entry[:i], " \t"), entry[i+1:], true
		}
	}
	return strings.Trim(entry, " \t"), "", false
}

// unquote reads a quoted text (RFC 9110, 5.6.4).
func unquote(text string) (string, bool) {
	var out []byte
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return string(out), i == len(text)-1
		case c == '\\':
			if i++; i == len(text) {
				return "", false
			}
			out = append(out, text[i])
		default:
			out = append(out, c)
		}
	}
	return "", false
}

// isToken is RFC 9110's token.
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return text != ""
}
