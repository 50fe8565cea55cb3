SELECT cell_roi_id, 'no ΔF/F' AS what FROM cell_specimen_table ANTI JOIN dff_traces USING (cell_roi_id)
UNION ALL
SELECT cell_roi_id, 'no fluorescence' FROM cell_specimen_table ANTI JOIN corrected_fluorescence_traces USING (cell_roi_id)
UNION ALL
SELECT cell_roi_id, 'no mask' FROM cell_specimen_table ANTI JOIN roi_masks USING (cell_roi_id)
UNION ALL
SELECT cell_roi_id, 'traces of no cell'
FROM (FROM dff_traces SELECT cell_roi_id UNION FROM demixed_traces SELECT cell_roi_id
      UNION FROM neuropil_traces SELECT cell_roi_id UNION FROM events SELECT cell_roi_id) AS traces
ANTI JOIN cell_specimen_table USING (cell_roi_id)
