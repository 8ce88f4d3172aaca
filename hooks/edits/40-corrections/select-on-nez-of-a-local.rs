                => SelectFusion::Fused,
