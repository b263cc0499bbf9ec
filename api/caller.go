package api

import (
	"net/http"
	"net/netip"
)

// caller is whom fair shares are kept for. Its zero value is a caller that is not known.
type caller struct{ network netip.Prefix }

// callerOf tells who sent a request: the address it came from.
func callerOf(r *http.Request) caller { return callerAt(r.RemoteAddr) }

// callerAt is the caller at an address with its port. One host of IPv6 commonly has a whole /64, which is
// one caller. Callers behind a proxy are one caller, the proxy.
func callerAt(remote string) caller {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return caller{}
	}
	ip := address.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return caller{}
	}
	return caller{network}
}

// String is the network, "" for a caller that is not known.
func (c caller) String() string {
	if !c.network.IsValid() {
		return ""
	}
	return c.network.String()
}
