package dimse

import (
	"net"
	"syscall"
)

// quick is a connection whose segments are acknowledged at once. Many peers, those built on dcmtk among them, write a message
// in several pieces and leave Nagle's algorithm on: each film would wait 40 ms for a delayed acknowledgement.
type quick struct {
	*net.TCPConn
	raw syscall.RawConn
}

func quickly(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	return quick{tcp, raw}
}

// Read implements [net.Conn]. The kernel forgets the option as it likes, so it is set before each read.
func (q quick) Read(b []byte) (int, error) {
	// Without the option it only takes longer.
	_ = q.raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
	return q.TCPConn.Read(b)
}
