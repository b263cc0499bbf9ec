//go:build !linux

package dimse

import "net"

// quickly leaves a connection as it is, where the system has no such option.
func quickly(conn net.Conn) net.Conn { return conn }
