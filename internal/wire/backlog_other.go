//go:build !unix

package wire

import "net"

// narrow has the system take no more connections into the queue of those not accepted yet, where it can be told.
func narrow(net.Listener) {}

// pending tells whether connections have been made that are not accepted yet, where it can be told.
func pending(net.Listener) bool { return false }
