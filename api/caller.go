package api

import (
	"net/http"
	"net/netip"
)

// caller is whom fair shares are kept for: who showed who they are by that name, others by address. Its zero value is a caller that
// is not known.
type caller struct {
	network netip.Prefix
	name    string
}

// callerOf tells who sent a request: what was found out of it, or the address it came from.
func callerOf(r *http.Request) caller {
	if x := exchangeOf(r.Context()); x.caller != (caller{}) {
		return x.caller
	}
	return callerAt(r.RemoteAddr)
}

// callerAt is the caller at an address with its port.
func callerAt(remote string) caller {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return caller{}
	}
	return callerFrom(address.Addr())
}

// callerFrom is the caller at an address. One host of IPv6 commonly has a whole /64, which is one caller. Callers behind a proxy are
// one caller, the proxy, unless it is trusted to tell them apart.
func callerFrom(ip netip.Addr) caller {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return caller{}
	}
	return caller{network: network}
}

// String is the network, "" for a caller that is not known.
func (c caller) String() string {
	if !c.network.IsValid() {
		return ""
	}
	return c.network.String()
}
