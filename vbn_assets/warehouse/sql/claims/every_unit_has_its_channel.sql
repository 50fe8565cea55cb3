SELECT unit_id, ecephys_channel_id FROM units ANTI JOIN channels USING (ecephys_channel_id)
