package grpcserver

import (
	"context"

	"google.golang.org/grpc/health/grpc_health_v1"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// right is what somebody needs to call a method.
type right struct {
	// command is that of RESP which does the same, or is meant for the same people; empty where the requests tell.
	command string
	// open: nobody is asked who he is.
	open bool
	// changes: the call is told to the audit log.
	changes bool
}

// rights are those of all methods. A method that is missing here can be called by nobody.
var rights = map[string]right{
	cachev1.CacheService_Get_FullMethodName:       {},
	cachev1.CacheService_Set_FullMethodName:       {},
	cachev1.CacheService_Delete_FullMethodName:    {},
	cachev1.CacheService_Expire_FullMethodName:    {},
	cachev1.CacheService_Increment_FullMethodName: {},
	cachev1.CacheService_Batch_FullMethodName:     {},
	cachev1.CacheService_Pipeline_FullMethodName:  {},
	cachev1.CacheService_Watch_FullMethodName:     {}, // by mayWatch

	clusterv1.TopologyService_GetSlotMap_FullMethodName:   {command: "cluster|slots"},
	clusterv1.TopologyService_WatchSlotMap_FullMethodName: {command: "cluster|slots"},

	clusterv1.AdminService_GetClusterStatus_FullMethodName:   {command: "cluster|info"},
	clusterv1.AdminService_ListNodes_FullMethodName:          {command: "cluster|nodes"},
	clusterv1.AdminService_ListShards_FullMethodName:         {command: "cluster|shards"},
	clusterv1.AdminService_ListSettings_FullMethodName:       {command: "config|get"},
	clusterv1.AdminService_ListMigrations_FullMethodName:     {command: "cluster|getslotmigrations"},
	clusterv1.AdminService_PlanRebalance_FullMethodName:      {command: "cluster|getslotmigrations"},
	clusterv1.AdminService_DigestReplicas_FullMethodName:     {command: "bgsave"}, // it reads all that there is
	clusterv1.AdminService_ListUsers_FullMethodName:          {command: "acl|list"},
	clusterv1.AdminService_InitCluster_FullMethodName:        {command: "cluster|meet", changes: true},
	clusterv1.AdminService_TransferLeadership_FullMethodName: {command: "cluster|failover", changes: true},
	clusterv1.AdminService_ChangeSettings_FullMethodName:     {command: "config|set", changes: true},
	clusterv1.AdminService_RemoveNode_FullMethodName:         {command: "cluster|forget", changes: true},
	clusterv1.AdminService_AcceptDataLoss_FullMethodName:     {command: "cluster|reset", changes: true},
	clusterv1.AdminService_EndLostMigration_FullMethodName:   {command: "cluster|reset", changes: true},
	clusterv1.AdminService_StartMigrations_FullMethodName:    {command: "cluster|migrateslots", changes: true},
	clusterv1.AdminService_CancelMigration_FullMethodName:    {command: "cluster|cancelslotmigrations", changes: true},
	clusterv1.AdminService_StartRebalance_FullMethodName:     {command: "cluster|migrateslots", changes: true},
	clusterv1.AdminService_SetUser_FullMethodName:            {command: "acl|setuser", changes: true},
	clusterv1.AdminService_DeleteUser_FullMethodName:         {command: "acl|deluser", changes: true},
	clusterv1.AdminService_ReloadGossipKeys_FullMethodName:   {command: "config|set", changes: true},

	// Probes have no password.
	grpc_health_v1.Health_Check_FullMethodName: {open: true},
	grpc_health_v1.Health_List_FullMethodName:  {open: true},
	grpc_health_v1.Health_Watch_FullMethodName: {open: true},

	// What methods there are is no secret, but not for everybody to ask.
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {command: "command"},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {command: "command"},
}

// enter lets a call in: its context is that of its user from here on.
func (s *Server) enter(ctx context.Context, method string) (context.Context, error) {
	needs, known := rights[method]
	if !known {
		return ctx, errNoMethod
	}
	if needs.open {
		return ctx, nil
	}
	c, err := s.authenticate(ctx)
	if err != nil {
		return ctx, err
	}
	ctx = context.WithValue(ctx, callerKey{}, c)
	if needs.command == "" {
		return ctx, nil
	}
	return ctx, s.mayRun(ctx, needs.command)
}
