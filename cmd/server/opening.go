package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
)

// opened opens models, on a board if there is one, which must find something to run in the first of them. The end of the
// context ends the search for a board.
func opened[N, T any](ctx context.Context, s *board.Supervisor, open func(context.Context, N, model.DecodeOptions) (T, error),
	named N, first func(T) *pipeline.Entry, on model.DecodeOptions) (T, error) {
	if s == nil {
		return open(ctx, named, on)
	}
	on.Backend = s
	m, err := open(ctx, named, on)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && !s.Taken():
		err = noSpikes(first(m).Name())
	}
	return m, forBoards(err)
}

// forBoards adds to a board's refusal the name of a model that the board can run.
func forBoards(err error) error {
	if !errors.As(err, new(*hw.Refusal)) {
		return err
	}
	return fmt.Errorf("%w. The shipped model %s runs on boards: try --model %[2]s", err, models.ForBoards)
}

func noSpikes(model string) error {
	return fmt.Errorf("model %s has no spiking layers, so a board has nothing to run", model)
}

// closeBoard closes the supervisor of a board, if there is one.
func closeBoard(s *board.Supervisor, err *error) {
	if s != nil {
		*err = errors.Join(*err, s.Close())
	}
}

// fileFlags are those of the commands that have a model answer files.
type fileFlags struct {
	modelFlag
	calibrationFlag
	boardFlags
	answerFlags
	pictureFlags
}

// fileModel is a model that is ready to answer files, in the room that there is for them.
type fileModel struct {
	*pipeline.Entry
	pictures *room
	board    *board.Supervisor // nil for none
}

// openModel opens the model that the flags name, on their board and with their calibration. It is to be closed.
func (f *fileFlags) openModel(ctx context.Context, std *streams, on model.DecodeOptions) (_ *fileModel, err error) {
	m := &fileModel{}
	if m.board, err = f.openForFiles(ctx, std, on.Kernel); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.close(&err)
		}
	}()
	itself := func(e *pipeline.Entry) *pipeline.Entry { return e }
	if m.Entry, err = opened(ctx, m.board, pipeline.OpenModel, f.Model, itself, on); err != nil {
		return nil, err
	}
	if m.Entry, err = f.calibrationFlag.apply(m.Entry); err != nil {
		return nil, err
	}
	if m.pictures, err = newRoom(f.pictureFlags); err != nil {
		return nil, err
	}
	return m, nil
}

// predict answers the file at path, or standard input for "-".
func (m *fileModel) predict(ctx context.Context, std *streams, path string, opt pipeline.Options) (pipeline.Prediction, error) {
	return m.pictures.predict(ctx, std, m.Entry, path, opt, nil)
}

// close lets go of the board, and adds what goes wrong to err.
func (m *fileModel) close(err *error) { closeBoard(m.board, err) }

// check refuses options and a gate's mode that do not apply to the model.
func (f *fileFlags) check(o pipeline.Options, d *model.Description) error {
	if err := o.Check(d); err != nil {
		return err
	}
	return f.gateFlag.check(d)
}
