//go:build unix

package wire

import (
	"net"
	"syscall"
)

// narrow has the system take no more connections into the queue of those not accepted yet, where it can be told.
func narrow(l net.Listener) {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(descriptor uintptr) { _ = syscall.Listen(int(descriptor), 0) })
}
