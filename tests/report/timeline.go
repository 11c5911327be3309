package report

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/model"
)

//go:embed timeline.html
var page string

// Values of a history are whatever clients wrote, so html/template escapes all of them, for the place where they stand.
var timeline = template.Must(template.New("timeline").Parse(page))

// drawn is what the page is made of.
type drawn struct {
	Run
	OptionsText string
	OK, Refused, Unknown,
	Keys int
	// Data is what the script of the page draws.
	Data struct {
		Bars  []bar  `json:"bars"`
		Bands []band `json:"bands"`
		Marks []mark `json:"marks"`
	}
}

// bar is an operation. Times are in milliseconds.
type bar struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Client  int     `json:"client"`
	Key     string  `json:"key"`
	Outcome string  `json:"outcome"`
	Writes  bool    `json:"writes"`
	// Blamed: the key is one that the verdict names.
	Blamed bool   `json:"blamed"`
	Text   string `json:"text"`
}

type band struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

type mark struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// Timeline writes a page that shows a run: operations as bars, by client or by key, faults as bands behind them, changes of
// leaders as lines.
func Timeline(w io.Writer, r Run) error {
	options, err := json.MarshalIndent(r.Options, "", "  ")
	if err != nil {
		return err
	}
	d := drawn{Run: r, OptionsText: string(options)}
	blamed := Blamed(r.Ops, r.Reasons)
	keys := map[string]bool{}
	for _, o := range r.Ops {
		keys[o.Key] = true
		switch o.Outcome {
		case model.OK:
			d.OK++
		case model.NotApplied:
			d.Refused++
		default:
			d.Unknown++
		}
		d.Data.Bars = append(d.Data.Bars, bar{
			From: ms(o.Call), To: ms(o.Return), Client: o.Client, Key: o.Key, Outcome: o.Outcome.String(), Writes: o.Kind.Writes(),
			Blamed: slices.Contains(blamed, o.Key), Text: o.String(),
		})
	}
	d.Keys = len(keys)
	for _, b := range r.Bands {
		d.Data.Bands = append(d.Data.Bands, band{Name: b.Name, From: ms(b.From), To: ms(b.To)})
	}
	for _, m := range r.Marks {
		d.Data.Marks = append(d.Data.Marks, mark{At: ms(m.At), Text: m.Text})
	}
	return timeline.Execute(w, d)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Blamed lists the keys that the reasons of a verdict name, as words of their own.
func Blamed(ops []model.Op, reasons []string) []string {
	words := map[string]bool{}
	for _, word := range strings.Fields(strings.Join(reasons, "\n")) {
		words[strings.Trim(word, `:;,."`)] = true
	}
	var keys []string
	for _, o := range ops {
		if words[o.Key] {
			keys = append(keys, o.Key)
			words[o.Key] = false
		}
	}
	return keys
}
