package api

import (
	"context"
	"errors"
	"io"
)

// TakeFile is [Server.Take] for a film in a file of so many bytes. Its memory is leased as that of uploads is.
func (s *Server) TakeFile(ctx context.Context, file io.Reader, bytes int64) error {
	if bytes > s.config.MaxImageBytes {
		return refuse(tooLarge, "the picture is longer than %d bytes", s.config.MaxImageBytes)
	}
	held := s.uploads.lease(caller{}, nil)
	held.received() // it makes room for no other
	defer held.release()
	data, err := readBounded(file, bytes, s.config.MaxImageBytes, held)
	switch {
	case errors.Is(err, errTooLong):
		return refuse(tooLarge, "the picture is longer than %d bytes", s.config.MaxImageBytes)
	case err != nil:
		return err
	}
	return s.Take(ctx, "", data)
}
