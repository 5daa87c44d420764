// The JVM must know the cell's memory: by the host's it would let the heap outgrow the cell.
import java.util.ArrayList;
import java.util.List;

public class Heap {
  public static void main(String[] args) {
    List<int[]> kept = new ArrayList<>();
    try {
      while (true) kept.add(new int[10_000]);
    } catch (OutOfMemoryError error) {
      kept = null;
      System.out.println("fits");
    }
  }
}
