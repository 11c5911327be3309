package node

import (
	"context"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/proto/apierr"
)

// hiddenPassword is shown in place of a password, of which nothing but its hash is kept.
const hiddenPassword = "(hidden)"

// requirePass is what CONFIG GET tells of the password of the default user.
func (n *Node) requirePass() string {
	if n.access.Users().Default().NoPassword() {
		return ""
	}
	return hiddenPassword
}

func (n *Node) protectedMode() string {
	if n.unprotected.Load() {
		return "no"
	}
	return "yes"
}

// setAccess takes those settings that are about access out of a change, checks them, and makes them hold where they stand alone.
// requirepass is a user of the cluster's, which is one change, and other settings of the cluster are another: they cannot be made
// all or none.
func (s settings) setAccess(ctx context.Context, wanted []respserver.Setting) (rest []respserver.Setting, err error) {
	var password, protected *string
	for i, w := range wanted {
		switch w.Name {
		case requirePassName:
			if w.Value != hiddenPassword || s.n.requirePass() == "" { // tools set what they have read
				password = &wanted[i].Value
			}
		case protectedModeName:
			if w.Value != "yes" && w.Value != "no" {
				return nil, &respserver.SettingError{Name: w.Name, Err: apierr.New(apierr.KindInvalid, "argument must be 'yes' or 'no'")}
			}
			protected = &wanted[i].Value
		default:
			rest = append(rest, w)
		}
	}
	if password != nil && len(rest) > 0 {
		return nil, &respserver.SettingError{Name: requirePassName, Err: apierr.New(apierr.KindInvalid, "it can't be set in one step with %s", rest[0].Name)}
	}
	if password != nil {
		rules := []string{"resetpass", ">" + *password}
		if *password == "" {
			rules[1] = "nopass"
		}
		if err := (userKeeper(s)).SetUser(ctx, acl.DefaultName, rules); err != nil {
			return nil, &respserver.SettingError{Name: requirePassName, Err: err}
		}
	}
	if protected != nil {
		s.n.unprotected.Store(*protected == "no")
	}
	return rest, nil
}
