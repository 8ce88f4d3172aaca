 trap_at!(store, ip,
