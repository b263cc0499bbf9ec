package api

import (
	"net/http"
	"testing"
)

func TestACallerIsAnAddress(t *testing.T) {
	of := func(address string) caller { return callerOf(&http.Request{RemoteAddr: address}) }
	for _, same := range [][2]string{
		{"192.0.2.1:1000", "192.0.2.1:2000"},
		{"192.0.2.1:1000", "[::ffff:192.0.2.1]:1000"},
		{"[2001:db8::1]:1000", "[2001:db8::2]:1000"}, // one host's network
		{"[fe80::1%eth0]:1000", "[fe80::1%eth1]:1000"},
	} {
		if of(same[0]) != of(same[1]) || of(same[0]) == (caller{}) {
			t.Errorf("%s and %s are not one caller", same[0], same[1])
		}
	}
	for _, other := range [][2]string{
		{"192.0.2.1:1000", "192.0.2.2:1000"},
		{"[2001:db8::1]:1000", "[2001:db8:0:1::1]:1000"},
		{"192.0.2.1:1000", "@"},
	} {
		if of(other[0]) == of(other[1]) {
			t.Errorf("%s and %s are one caller", other[0], other[1])
		}
	}
	if of("@") != (caller{}) {
		t.Error("what is no address is a known caller")
	}
}
