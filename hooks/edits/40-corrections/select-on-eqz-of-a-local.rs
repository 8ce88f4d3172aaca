                => SelectFusion::FusedSwap,
