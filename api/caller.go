package api

import (
	"net/http"
	"net/netip"
	"unique"
)

// caller is whom fair shares are kept for: who showed who they are by that name, others by address. Its zero value is a caller that
// is not known.
type caller struct {
	network netip.Prefix
	name    unique.Handle[string] // the zero value for none
}

// named is who showed that it has a name.
func named(name string) caller { return caller{name: unique.Make(name)} }

// named is the caller's name, "" for one that is known by its address.
func (c caller) named() string {
	if c.name == (unique.Handle[string]{}) {
		return ""
	}
	return c.name.Value()
}

// callerOf tells who sent a request: what was found out of it, or the address it came from.
func callerOf(r *http.Request) caller {
	if v := exchangeOf(r.Context()).visitor; v != nil {
		return v.caller
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
