package dimse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Store sends files to a peer through one association. A file that the peer refuses does not keep the others back; the
// error is then that of all that were refused, see [Temporary]. Any other error ends it. Files may be sent again: a peer
// that has one already says so, which is no error.
func Store(ctx context.Context, peer Peer, files ...*dicom.File) error {
	if len(files) == 0 {
		return nil
	}
	a, err := Dial(ctx, peer, proposals(files)...)
	if err != nil {
		return err
	}
	var refused []error
	for i, f := range files {
		if _, err := a.StoreFile(ctx, f); err != nil {
			err = fmt.Errorf("object %d of %d: %w", i+1, len(files), err)
			if a.closed != nil {
				return errors.Join(append(refused, err)...)
			}
			refused = append(refused, err)
		}
	}
	a.Release(ctx) // whatever comes of it, each file has been answered
	return errors.Join(refused...)
}

// Echo verifies that a peer answers, through an association of its own.
func Echo(ctx context.Context, peer Peer) error {
	a, err := Dial(ctx, peer, VerificationContext())
	if err != nil {
		return err
	}
	if err := a.Echo(ctx); err != nil {
		a.Abort()
		return err
	}
	return a.Release(ctx)
}

// proposals are the presentation contexts for files, each once.
func proposals(files []*dicom.File) []Context {
	var list []Context
	for _, f := range files {
		c := StorageContext(f.Dataset.String(dicom.SOPClassUID))
		if dicom.Encapsulated(f.Syntax) {
			c.Syntaxes = []string{f.Syntax}
		}
		same := func(o Context) bool { return o.Class == c.Class && slices.Equal(o.Syntaxes, c.Syntaxes) }
		if c.Class != "" && !slices.ContainsFunc(list, same) {
			list = append(list, c)
		}
	}
	return list
}
