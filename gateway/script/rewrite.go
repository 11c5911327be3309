package script

import (
	"errors"
	"reflect"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// concatName and forName are what the functions behind the operator ".." and the statement "for" are called. No script can write such
// names.
const (
	concatName = ".."
	forName    = "for"
)

// nestingMax bounds how deep a script is nested, so that neither this nor the compiler takes much stack.
const nestingMax = 1000

var errNesting = errors.New("chunk has too many syntax levels")

// rewrite changes what the library understands otherwise than Lua does: each ".." becomes a call, since the machine knows no limit for it;
// so do the values of a "for", which may be strings; and numbers are not octal.
func rewrite(chunk []ast.Stmt) error { return rewriteIn(reflect.ValueOf(chunk), 0) }

func rewriteIn(v reflect.Value, depth int) error {
	if depth > 4*nestingMax { // a node is reached through interface, pointer, struct and slice
		return errNesting
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			if err := rewriteIn(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if err := rewriteIn(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return rewriteIn(v.Elem(), depth+1)
		}
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if err := rewriteIn(v.Elem(), depth+1); err != nil {
			return err
		}
		switch node := v.Interface().(type) {
		case *ast.StringConcatOpExpr:
			v.Set(reflect.ValueOf(concatCall(node)))
		case *ast.NumberForStmt:
			node.Init, node.Limit, node.Step = forCall(node.Init, "initial value"), forCall(node.Limit, "limit"), forCall(node.Step, "step")
		case *ast.NumberExpr:
			if n, ok := numberIn(node.Value); ok {
				node.Value = strconv.FormatFloat(float64(n), 'g', -1, 64)
			}
		}
	}
	return nil
}

// concatCall is the call that stands for an operator. The operands of the one on its right are already arguments of such a call.
func concatCall(op *ast.StringConcatOpExpr) ast.Expr {
	args := []ast.Expr{op.Lhs, oneValue(op.Rhs)}
	if right, is := op.Rhs.(*ast.FuncCallExpr); is {
		if ident, is := right.Func.(*ast.IdentExpr); is && ident.Value == concatName {
			args = append([]ast.Expr{op.Lhs}, right.Args...)
		}
	}
	return hiddenCall(concatName, op, args...)
}

// forCall is the call that stands for a value of a "for"; of what is a number, or not there, it is that itself.
func forCall(value ast.Expr, what string) ast.Expr {
	switch value.(type) {
	case nil, *ast.NumberExpr:
		return value
	}
	return hiddenCall(forName, value, oneValue(value), &ast.StringExpr{Value: what})
}

// hiddenCall is a call, at this place of the source, of a function that has a hidden name.
func hiddenCall(name string, at ast.PositionHolder, args ...ast.Expr) ast.Expr {
	ident := &ast.IdentExpr{Value: name}
	call := &ast.FuncCallExpr{Func: ident, Args: args, AdjustRet: true}
	for _, node := range []ast.PositionHolder{ident, call} {
		node.SetLine(at.Line())
		node.SetLastLine(at.LastLine())
	}
	return call
}

// oneValue is an expression that would give several values as the last argument of a call, made to give one.
func oneValue(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}
